/// Generates texts for examples: continuations of the prompts of their cards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/scorer.hpp>
#include <cuecard/verbalizer.hpp>

#include "engine/generate/prompt_source.hpp"
#include "engine/generate/token_callback.hpp"
#include "engine/predict/batch_runner.hpp"

namespace cuecard {

class Generator;

/// The decision of a verbalizer that has the model generate a text (Verbalizer::generation).
Decision decision_of(const Generated& text);

/// Threads: one at a time.
class TextWriter {
public:
  /// `runner` must outlive it.
  explicit TextWriter(BatchRunner& runner);
  ~TextWriter();

  /// Whether the prediction for `example` is a generated text (Verbalizer::generation).
  bool generates(const Example& example) const;

  /// Continuations of the prompt of each example, whatever its verbalizer predicts: `settings.returns` texts
  /// each, best first. An example that can't be used has no text and a problem, which `notes` get. `callback` receives the example's
  /// number; if it returns false, Cancelled is thrown.
  std::vector<std::vector<Generated>> generate(const std::vector<const Example*>& examples,
                                               const GenerateSettings& settings, ExampleNotes* notes = nullptr,
                                               const TokenCallback& callback = {});

  /// Continuations of `prompts` of `cards`, which must share their weights. `examples`: one per prompt, or
  /// empty.
  std::vector<std::vector<Generated>> write(std::vector<TokenizedPrompt> prompts,
                                            const std::vector<const Example*>& examples,
                                            const std::vector<int64_t>& cards, const GenerateSettings& settings,
                                            const TokenCallback& callback = {});

  /// The prompt of `example`, which goes to `card`, without a number. DataError when it can't be continued, UsageError when the
  /// settings contradict each other.
  PendingPrompt open(const Example& example, int64_t card, std::shared_ptr<const GenerateSettings> settings);
  /// Continues the prompts of `source`, whose cards must share the weights of `card`, until it has none.
  void run(PromptSource& source, int64_t card);

  /// Drops the caches of a card that is about to be removed from the runner.
  void forget(int64_t card);

private:
  Generator& generator_of(int64_t card);
  std::function<std::shared_ptr<const BatchConditioning>(std::vector<PackItem>&)> condition_by(int64_t card);

  BatchRunner& runner_;
  std::map<const void*, std::unique_ptr<Generator>> generators_; ///< by backbone
};

} // namespace cuecard
