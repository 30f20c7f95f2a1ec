/// Layers from hidden states to labels, with dropout in front of each while they are learned: what transformers
/// puts behind a model for classification.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::head {

/// One linear layer, or two of them with tanh between.
struct ClassifierForm {
  bool dense = false; ///< a layer [H, H] with tanh in front, as RobertaClassificationHead has
  bool bias = true;   ///< of the layer over labels; transformers' heads of causal models have none
};

class Classifier {
public:
  /// Reads `dropout` and `lr-scale`.
  explicit Classifier(const Options& options, ClassifierForm form = {});

  /// Weights normal with deviation 0.02, drawn by `seed` (the models' own initializer_range), biases 0.
  void prepare(int64_t classes, int64_t width, uint64_t seed, const at::Device& device);
  bool prepared() const { return !tensors_.empty(); }
  int64_t classes() const { return tensors_.at("weight").size(0); }

  /// states [A, H] to [A, C], in float32 (float64 when the states are). Draws the dropout of a learning pass
  /// on the host and sends it over, so nothing waits for the device.
  at::Tensor operator()(const at::Tensor& states, const Pass& pass) const;

  std::vector<ParameterGroup> parameters() const;
  /// `weight` [C, H], `bias` [C], `dense.weight` [H, H], `dense.bias` [H], those that the form has; float32.
  Learned export_learned() const;
  /// DataError that names the tensor and `verbalizer`, whose card it is, when one is missing or does not fit.
  void import_learned(const Learned& learned, const std::string& verbalizer = "head");

private:
  double dropout_, learning_rate_scale_;
  ClassifierForm form_;
  TensorMap tensors_; ///< by the names of `export_learned`
};

/// Each label's first word, or its name, behind a space: what stands for it in a demonstration.
std::vector<std::string> label_texts(const VerbalizerTarget& target);

} // namespace cuecard::head
