/// The engine's services for verbalizers and tuners: running prompts without gradients, and generating text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/example.hpp>
#include <cuecard/export.hpp>
#include <cuecard/prompt.hpp>

namespace cuecard {

/// Arguments of `Scorer::score`.
struct ScoreRequest {
  /// Examples, rendered and edited as in the task's pipeline.
  std::vector<const Example*> examples;
  /// Or these prompts as they are, instead of examples.
  const std::vector<Prompt>* prompts = nullptr;
  OutputRequest output = {};
  /// The tokens of each prompt to compute `output` at. Only for `prompts`; examples use the verbalizer's.
  OutputPositions positions = {};
};

/// Decoding settings. The defaults are greedy decoding.
struct GenerateSettings {
  int64_t max_length = 64, min_length = 0; ///< new tokens
  int64_t beams = 1, returns = 1;
  double temperature = 0; ///< 0: greedy, or beam search; above 0: sampling
  int64_t top_k = 0;      ///< 0: off
  double top_p = 1, min_p = 0;
  double repetition_penalty = 1, length_penalty = 1;
  int64_t no_repeat_ngram = 0;
  bool early_stop = false;                  ///< beams: stop as soon as `beams` hypotheses are finished
  std::vector<std::vector<int64_t>> banned; ///< token sequences that are never generated
  std::vector<std::string> stop;            ///< generation ends before the first of these
  uint64_t seed = 0;
};

/// One generated text.
struct Generated {
  std::vector<int64_t> ids; ///< without the end-of-sequence token
  std::string text;
  double log_prob = 0; ///< sum over the tokens, the end-of-sequence token included
};

/// Threads: used only from the thread that it was given to.
class CUECARD_API Scorer {
public:
  virtual ~Scorer() = default;

  /// Calls `use` for one batch after another, in order, without gradients: `outputs` [selected tokens, ...] on the backbone's
  /// device. Examples that can't be used are left out of the batches.
  virtual void score(const ScoreRequest& request,
                     const std::function<void(const at::Tensor& outputs, const Batch& batch)>& use) = 0;

  /// The template's content-free prompts, as edited by the tuner.
  virtual std::vector<Prompt> blank() = 0;

  /// Continuations of each prompt: `returns` texts each, best first.
  virtual std::vector<std::vector<Generated>> generate(const std::vector<Prompt>& prompts,
                                                       const GenerateSettings& settings) = 0;

  /// All outputs of a request in one tensor. DataError when no example could be used.
  at::Tensor score_all(const ScoreRequest& request);
};

} // namespace cuecard
