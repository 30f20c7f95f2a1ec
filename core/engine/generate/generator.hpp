/// Generates continuations of prompts: greedy, beam search, or sampling.
///
/// Prompts of unequal length are packed and forwarded once; from then on each text has one token per step,
/// whose keys and values are appended in place. The common prefix of a card's prompts is forwarded once and
/// shared, and so is a prompt by its beams. A finished text leaves the batch and a waiting prompt enters
/// (continuous batching), whatever its card and its settings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <cuecard/kv_cache.hpp>
#include <cuecard/scorer.hpp>

#include "batch/pack.hpp"
#include "engine/counters.hpp"
#include "engine/generate/prompt_source.hpp"
#include "engine/generate/text_bounds.hpp"
#include "engine/generate/token_callback.hpp"
#include "engine/model.hpp"
#include "engine/prefix_cache/generation_prefix_cache.hpp"

namespace cuecard {

/// Most texts generated at once, and most tokens of one pass over prompts.
struct GenerateLimits {
  int64_t texts = 32;
  int64_t rows = 4096;
};

/// UsageError when the settings contradict each other or the model can't generate.
void check(const GenerateSettings& settings, const BackboneShape& shape);
/// The same for the settings alone: their ranges, and that they don't contradict each other.
void check_settings(const GenerateSettings& settings, int64_t vocabulary);

/// Token sequences to ban so that `text` is not generated: its tokens alone, and its tokens after a space.
std::vector<std::vector<int64_t>> banned_sequences(const Vocabulary& vocabulary, const std::string& text);

/// Prepares `prompt` for generation: only its last token is selected.
void read_last_token(TokenizedPrompt& prompt, const BackboneShape& shape);

class Generator {
public:
  /// `model` and what `backbone` refers to must outlive it.
  Generator(const Model& model, const CountedBackbone& backbone, const GenerateLimits& limits);

  /// The conditioning for all prompts that run; sets their offsets and inputs (CardMix::condition).
  using Condition = std::function<std::shared_ptr<const BatchConditioning>(std::vector<PackItem>&)>;

  /// Continues the prompts of `source` (prepared by `read_last_token`, with settings that pass `check`) until it has none. A text
  /// ends with one of the model's end-of-sequence tokens, a stop text, after `max_length` tokens, or where the model has no
  /// position left. An exception ends the run and clears the cache.
  void run(PromptSource& source, const Condition& condition);

  /// For each of `prompts` (prepared by `read_last_token`) `settings.returns` texts, best first. Cancelled when `callback`
  /// returns false.
  std::vector<std::vector<Generated>> write(const std::vector<PackItem>& prompts, const Condition& condition,
                                            const GenerateSettings& settings,
                                            const TokenCallback& callback = {});

  /// Drops what is cached for a card.
  void forget(int64_t card) { prefixes_.forget(card, *cache_); }

private:
  class Run;

  const Model& model_;
  CountedBackbone backbone_;
  GenerateLimits limits_;
  TextBounds bounds_;
  GenerationPrefixCache prefixes_;
  std::shared_ptr<KvCache> cache_ = std::make_shared<KvCache>();
};

} // namespace cuecard
