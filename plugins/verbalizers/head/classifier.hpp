/// Trained layers from hidden states to labels, with dropout before each in training, like the classification
/// heads of transformers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::head {

/// One linear layer, or two with an activation function in between.
struct ClassifierForm {
  bool dense = false; ///< a layer [H, H] before the classifier, as in RobertaClassificationHead
  bool bias = true;   ///< of the layer over labels; transformers' heads of causal models have none
  Activation activation = Activation::tanh; ///< after the layer [H, H]
};

class Classifier {
public:
  /// Reads `dropout` and `lr-scale`.
  explicit Classifier(const Options& options, ClassifierForm form = {});

  /// Weights are normal with standard deviation 0.02 (the models' initializer_range), biases 0.
  void prepare(int64_t classes, int64_t width, uint64_t seed, const at::Device& device);
  bool prepared() const { return !tensors_.empty(); }
  int64_t classes() const { return tensors_.at("weight").size(0); }

  /// states [A, H] -> logits [A, C], in float32 (float64 for float64 states). Draws the dropout of a training pass on
  /// the host and copies it, without synchronising.
  at::Tensor operator()(const at::Tensor& states, const Pass& pass) const;

  std::vector<ParameterGroup> parameters() const;
  /// `weight` [C, H], `bias` [C], `dense.weight` [H, H], `dense.bias` [H], if the form has them; float32.
  ComponentState state() const;
  /// DataError, naming tensor and `verbalizer`, if a tensor is missing or has another shape.
  void load_state(const ComponentState& saved, const std::string& verbalizer = "head");

private:
  double dropout_, learning_rate_scale_;
  ClassifierForm form_;
  TensorMap tensors_; ///< by the names of `state`
};

/// Each label's first word, or its name, after a space: its answer text in demonstrations.
std::vector<std::string> label_texts(const VerbalizerTarget& target);

} // namespace cuecard::head
