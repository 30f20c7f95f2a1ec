/// Weights of the model that a tuner learns: copies of the backbone's, which a card holds where they differ.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/component_state.hpp>
#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Trainable copies of some weights of a backbone.
class CUECARD_API OwnWeights {
public:
  /// Copies those weights of `backbone` whose names `learned` takes, as float32 leaves. `backbone` must outlive
  /// it. UsageError when one of them is not float32.
  void copy(const Backbone& backbone, const std::function<bool(const std::string&)>& learned);

  /// By the checkpoint's names: Tuner::replaced_weights.
  const TensorMap& tensors() const { return tensors_; }
  /// Matrices with `weight_decay` and vectors without, those that there are.
  std::vector<ParameterGroup> groups(double learning_rate_scale, double weight_decay) const;

  /// Adds to `learned` the weights that differ from the model's, named with `prefix` in front, and the text
  /// "weights" that says how many they are.
  void add_to(ComponentState& learned, const std::string& prefix = "") const;
  /// The way back, from all tensors of `learned` that begin with `prefix`; weights that it does not hold are
  /// the model's own. DataError for one that isn't learned here or has another shape.
  void take_from(const ComponentState& learned, const std::string& prefix = "");

private:
  const Backbone* backbone_ = nullptr;
  TensorMap tensors_;
};

} // namespace cuecard
