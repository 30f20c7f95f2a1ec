/// The engine's service to verbalizers and tuners: run prompts and read what the model says, or have it write.
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

struct ScoreRequest {
  /// Rendered and edited as the task does it.
  std::vector<const Example*> examples;
  /// Or these prompts as they are, in place of examples.
  const std::vector<Prompt>* prompts = nullptr;
  Readout readout = {};
  /// What is read of each prompt.
  Reading reading = {};
};

/// How a text is written. Defaults are greedy.
struct GenerateSettings {
  int64_t max_length = 64, min_length = 0; ///< tokens that are written
  int64_t beams = 1, returns = 1;
  double temperature = 0; ///< 0: the likeliest token, or beams; else tokens are drawn
  int64_t top_k = 0;      ///< 0: all
  double top_p = 1, min_p = 0;
  double repetition_penalty = 1, length_penalty = 1;
  int64_t no_repeat_ngram = 0;
  bool early_stop = false;                  ///< beams: stop as soon as enough are finished
  std::vector<std::vector<int64_t>> banned; ///< token sequences that are never written
  std::vector<std::string> stop;            ///< writing ends in front of the first of these
  uint64_t seed = 0;
};

struct Generated {
  std::vector<int64_t> ids; ///< without the end-of-sequence token
  std::string text;
  double log_prob = 0; ///< sum over the tokens, the end included
};

class CUECARD_API Scorer {
public:
  virtual ~Scorer() = default;

  /// Batch by batch and in order, without gradients: values [rows read, ...] on the backbone's device. Examples
  /// that can't be used are left out of the batches.
  virtual void score(const ScoreRequest& request,
                     const std::function<void(const at::Tensor& values, const Batch& batch)>& use) = 0;

  /// The template's prompts without content, edited as the tuner does it.
  virtual std::vector<Prompt> blank() = 0;

  /// What the model writes behind each prompt: `returns` texts each, best first.
  virtual std::vector<std::vector<Generated>> generate(const std::vector<Prompt>& prompts,
                                                       const GenerateSettings& settings) = 0;

  /// All values of a request in one tensor. DataError when no row could be used.
  at::Tensor score_all(const ScoreRequest& request);
};

} // namespace cuecard
