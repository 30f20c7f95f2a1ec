/// Writes texts behind prompts: greedy, by beams, or drawn.
///
/// Prompts of unequal length are packed and forwarded once; from then on each text is one row per step, whose
/// keys and values are appended in place. What the prompts of a card begin with is forwarded once and shared,
/// and so is a prompt by its beams. A text that is finished leaves the batch and a waiting prompt enters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <cuecard/past.hpp>
#include <cuecard/scorer.hpp>

#include "batch/pack.hpp"
#include "engine/counters.hpp"
#include "engine/model.hpp"

namespace cuecard {

/// Most texts that are written at once, and most rows of one pass over prompts.
struct GenerateLimits {
  int64_t texts = 32;
  int64_t rows = 4096;
};

/// UsageError when the settings contradict each other or the model can't write.
void check(const GenerateSettings& settings, const BackboneShape& shape);

/// Makes `prompt` one that a text can be written behind: only its last row is read.
void read_last_row(TokenizedPrompt& prompt, const BackboneShape& shape);

class Generator {
public:
  /// Called for each new token with the prompt's number and the tokens of its first text so far (none where
  /// beams are searched). False ends the work with Cancelled.
  using Watch = std::function<bool(int64_t prompt, std::span<const int64_t> ids)>;

  /// `model` and what `backbone` refers to must outlive it; `conditioning` must too and stay as it is.
  Generator(const Model& model, const CountedBackbone& backbone, const Conditioning& conditioning,
            const GenerateLimits& limits);

  /// For each prompt (as `read_last_row` leaves it) `settings.returns` texts, best first. Writing ends with the
  /// model's end-of-sequence token, a stop text, `max_length` tokens, or where the model has no position left.
  std::vector<std::vector<Generated>> write(const std::vector<PackItem>& prompts,
                                            const GenerateSettings& settings, const Watch& watch = {});

private:
  class Run;
  /// The first prompt of a card, kept: later ones take from it what they begin with, too.
  struct Front {
    std::vector<TokenRow> rows;
    int64_t sequence = -1; ///< of past_
  };

  const Model& model_;
  CountedBackbone backbone_;
  const Conditioning& conditioning_;
  GenerateLimits limits_;
  std::map<int64_t, Front> fronts_; ///< by card
  std::shared_ptr<Past> past_ = std::make_shared<Past>();
};

} // namespace cuecard
