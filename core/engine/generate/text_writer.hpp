/// Generates texts for examples: continuations of the prompts of their cards.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cuecard/example.hpp>
#include <cuecard/scorer.hpp>

#include "engine/generate/token_callback.hpp"
#include "engine/predict/batch_runner.hpp"

namespace cuecard {

class Generator;

/// Threads: one at a time.
class TextWriter {
public:
  /// `runner` must outlive it.
  explicit TextWriter(BatchRunner& runner);
  ~TextWriter();

  /// Whether the prediction for `example` is a generated text (Verbalizer::generation).
  bool generates(const Example& example) const;

  /// Continuations of the prompt of each example, whatever its verbalizer predicts: `settings.returns` texts
  /// each, best first. An example that can't be used has no text and a problem. `callbacks.token` receives the example's
  /// number; if it returns false, Cancelled is thrown.
  std::vector<std::vector<Generated>> generate(const std::vector<const Example*>& examples,
                                               const GenerateSettings& settings,
                                               std::vector<std::string>* problems = nullptr,
                                               const GenerateCallbacks& callbacks = {});

  /// Continuations of `prompts` of `cards`, which must share their weights. `examples`: one per prompt, or
  /// empty.
  std::vector<std::vector<Generated>> write(std::vector<TokenizedPrompt> prompts,
                                            const std::vector<const Example*>& examples,
                                            const std::vector<int64_t>& cards, const GenerateSettings& settings,
                                            const GenerateCallbacks& callbacks = {});

  /// Drops what is kept for a card, which is about to be removed from the runner.
  void forget(int64_t card);

private:
  /// The prompt to continue, with its answer slot open.
  TokenizedPrompt open_prompt(const Example& example, int64_t card, const at::Tensor& representation) const;

  BatchRunner& runner_;
  std::map<const void*, std::unique_ptr<Generator>> generators_; ///< by backbone
};

} // namespace cuecard
