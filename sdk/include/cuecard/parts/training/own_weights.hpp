/// Model weights that a tuner trains: copies of the backbone's. A card stores those that differ from the backbone's.
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
  /// Copies the weights of `backbone` whose names `selects` returns true for, as float32 leaves. `backbone` must outlive this object.
  /// UsageError if one of them is not float32.
  void copy(const Backbone& backbone, const std::function<bool(const std::string&)>& selects);

  /// By their names in the checkpoint, for Tuner::replaced_weights.
  const TensorMap& tensors() const { return tensors_; }
  /// Matrices with `weight_decay` and vectors without; empty groups are left out.
  std::vector<ParameterGroup> groups(double learning_rate_scale, double weight_decay) const;

  /// Adds the weights that differ from the model's to `state`, with `prefix` before their names, and their count as the text
  /// "weights".
  void add_to(ComponentState& state, const std::string& prefix = "") const;
  /// Loads all tensors of `state` whose names begin with `prefix`; other weights are reset to the model's. DataError for a tensor
  /// that is not trained here or has another shape.
  void take_from(const ComponentState& state, const std::string& prefix = "");

private:
  const Backbone* backbone_ = nullptr;
  TensorMap tensors_;
};

} // namespace cuecard
