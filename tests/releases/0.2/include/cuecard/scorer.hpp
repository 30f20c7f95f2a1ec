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

/// Arguments of `Scorer::score`. Pointers must stay valid during the call.
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
  int64_t max_length = 64, min_length = 0; ///< new tokens: at least 1, and 0 to `max_length`
  int64_t beams = 1;                       ///< at least 1; 1 when sampling
  int64_t returns = 1;    ///< texts for each prompt: at least 1, and no more than `beams` unless sampling
  double temperature = 0; ///< 0: greedy, or beam search; above 0: sampling
  int64_t top_k = 0;      ///< sampling from the k most probable tokens; 0: from all
  /// Sampling from the most probable tokens with this joint probability: above 0, at most 1 (off).
  double top_p = 1;
  /// Sampling from tokens with at least this share of the most probable one's probability: 0 (off) to 1.
  double min_p = 0;
  double repetition_penalty = 1; ///< above 0; 1: none
  double length_penalty = 1;     ///< beams: the exponent of the length that a log-probability is divided by
  int64_t no_repeat_ngram = 0;   ///< no sequence of so many tokens occurs twice; 0: off
  bool early_stop = false;       ///< beams: stop as soon as `beams` hypotheses are finished
  std::vector<std::vector<int64_t>> banned; ///< token sequences that are never generated; ids of the vocabulary
  std::vector<std::string> stop;            ///< generation ends before the first of these
  uint64_t seed = 0;
};

/// One generated text.
struct Generated {
  std::vector<int64_t> ids; ///< without the end-of-sequence token
  std::string text;
  double log_prob = 0; ///< natural, sum over the tokens, the end-of-sequence token included
};

/// Runs prompts through the model with what the tuner has trained so far.
///
/// Threads: used only from the thread that it was given to, and not from within a callback of its own. Errors: DataError for examples
/// and prompts that can't be used, UsageError for settings that the model can't follow; PluginError if a component fails. A component
/// lets all of them pass. Those that `use` throws reach the caller of `score`.
class CUECARD_API Scorer {
public:
  virtual ~Scorer() = default;

  /// Calls `use` for one batch after another, in order, without gradients: `outputs` [selected tokens, ...] on the backbone's
  /// device. Examples that can't be used are left out of the batches; DataError, with the first one's reason, if there are some and none
  /// can be used. A prompt of `request.prompts` that can't be used is a DataError. With nothing to score, `use` is not called.
  /// `outputs` and `batch` are valid during the call of `use`; a copy of the tensor may be kept, and used with autograd.
  virtual void score(const ScoreRequest& request,
                     const std::function<void(const at::Tensor& outputs, const Batch& batch)>& use) = 0;

  /// The template's content-free prompts, as edited by the tuner: at least one.
  virtual std::vector<Prompt> blank() = 0;

  /// Continuations of each prompt, in order: `settings.returns` texts each, best first. A prompt that is too long is truncated, to leave
  /// room for the new tokens. UsageError for a model that can't generate (BackboneShape::generates) and for settings outside the ranges
  /// of GenerateSettings; DataError for a prompt that can't be used, such as an empty one.
  virtual std::vector<std::vector<Generated>> generate(const std::vector<Prompt>& prompts,
                                                       const GenerateSettings& settings) = 0;

  /// All outputs of a request in one tensor, [selected tokens of all batches, ...] on the backbone's device. DataError when nothing could
  /// be scored.
  at::Tensor score_all(const ScoreRequest& request);
};

} // namespace cuecard
