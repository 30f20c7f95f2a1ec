/// Says what it needs at the answer slots and turns that into label scores.
///
/// Threads: const methods may run concurrently between calls of the others.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/batch.hpp>
#include <cuecard/scorer.hpp>
#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// Tensors to learn and how fast, relative to the run's learning rate.
struct ParameterGroup {
  std::vector<at::Tensor> tensors;
  double learning_rate_scale = 1.0;
  double weight_decay = 0.0;
};

using TensorMap = std::map<std::string, at::Tensor>;

/// What a verbalizer is made for.
struct VerbalizerTarget {
  const Vocabulary& vocabulary;
  const Backbone& backbone;
  std::vector<std::string> labels;
  /// Words of each label as the task file gives them; empty when it gives none.
  std::vector<std::vector<std::string>> label_words;
};

/// Label scores, ragged: decision d (an example, a word, a choice) has the scores offsets[d] to offsets[d + 1].
struct Scores {
  at::Tensor values; ///< [offsets.back()] unnormalised log-probabilities, float32
  std::vector<int64_t> offsets{0};
};

class Verbalizer {
public:
  virtual ~Verbalizer() = default;

  virtual void prepare(const VerbalizerTarget& target) = 0;

  /// How many answer slots each prompt must have; 0: any number.
  virtual int64_t answers() const { return 1; }
  virtual Readout readout() const = 0;

  /// Adjusts to what the model says without content; called before `fit` and before use when the task asks for
  /// it.
  virtual void calibrate(Scorer&) {}
  /// Learns from labelled rows by other means than gradients (label-word search). Called once, before training.
  virtual void fit(Scorer&, const std::vector<const Example*>&) {}

  /// `values` [A, ...] is the readout at batch.answer_rows.
  virtual Scores score(const at::Tensor& values, const Batch& batch) const = 0;
  /// Mean loss of the batch's decisions, a scalar on the device; never reads it back.
  virtual at::Tensor loss(const Scores& scores, const Batch& batch) const = 0;

  /// The text that stands in the answer slots when label `label` is given (demonstrations, generation).
  virtual std::vector<std::string> answer_text(int64_t label) const = 0;

  virtual std::vector<ParameterGroup> parameters() { return {}; }
  /// What the card keeps of it, and its way back.
  virtual TensorMap export_tensors() const { return {}; }
  virtual void import_tensors(const TensorMap&) {}
};

} // namespace cuecard
