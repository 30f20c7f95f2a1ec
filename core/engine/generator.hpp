/// Writes texts behind prompts: greedy, by beams, or drawn.
///
/// Prompts of unequal length are packed and forwarded once; from then on each text is one row per step, whose
/// keys and values are appended in place. What the prompts of a card begin with is forwarded once and shared,
/// and so is a prompt by its beams. A text that is finished leaves the batch and a waiting prompt enters.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <cuecard/past.hpp>
#include <cuecard/scorer.hpp>

#include "batch/pack.hpp"
#include "engine/counters.hpp"
#include "engine/model.hpp"
#include "engine/prompt_fronts.hpp"
#include "engine/text_bounds.hpp"
#include "engine/write_watch.hpp"

namespace cuecard {

/// Most texts that are written at once, and most rows of one pass over prompts.
struct GenerateLimits {
  int64_t texts = 32;
  int64_t rows = 4096;
};

/// UsageError when the settings contradict each other or the model can't write.
void check(const GenerateSettings& settings, const BackboneShape& shape);

/// What must not be written so that `text` is not: its tokens as the tokenizer spells it alone, and as it does
/// behind a space.
std::vector<std::vector<int64_t>> banned_sequences(const Vocabulary& vocabulary, const std::string& text);

/// Makes `prompt` one that a text can be written behind: only its last row is read.
void read_last_row(TokenizedPrompt& prompt, const BackboneShape& shape);

class Generator {
public:
  /// `model` and what `backbone` refers to must outlive it; `conditioning` must too and stay as it is.
  Generator(const Model& model, const CountedBackbone& backbone, const Conditioning& conditioning,
            const GenerateLimits& limits);

  /// For each prompt (as `read_last_row` leaves it) `settings.returns` texts, best first. Writing ends with one
  /// of the model's end-of-sequence tokens, a stop text, `max_length` tokens, or where the model has no
  /// position left.
  std::vector<std::vector<Generated>> write(const std::vector<PackItem>& prompts,
                                            const GenerateSettings& settings, const WriteWatch& watch = {});

private:
  class Run;

  const Model& model_;
  CountedBackbone backbone_;
  const Conditioning& conditioning_;
  GenerateLimits limits_;
  TextBounds bounds_;
  PromptFronts fronts_;
  std::shared_ptr<Past> past_ = std::make_shared<Past>();
};

} // namespace cuecard
