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

/// Trainable copies of some weights of a backbone. Threads: const functions may run concurrently; `copy` and `take_from` need exclusive
/// use.
class CUECARD_API OwnWeights {
public:
  /// Copies the weights of `backbone` whose names `selects` returns true for, as float32 leaves of the same shapes on its device that
  /// require a gradient; a stored matrix becomes an ordinary tensor. Earlier copies are dropped. `backbone` must outlive this object.
  /// UsageError if one of them is not float32.
  void copy(const Backbone& backbone, const std::function<bool(const std::string&)>& selects);

  /// By their names in the checkpoint, for Tuner::replaced_weights. The tensors stay the same objects until `copy`.
  const TensorMap& tensors() const { return tensors_; }
  /// Matrices with `weight_decay` and vectors without; empty groups are left out.
  std::vector<ParameterGroup> groups(double learning_rate_scale, double weight_decay) const;

  /// Adds the weights that differ from the model's to `state`, with `prefix` before their names, and their count as the text "weights".
  /// They share memory with `tensors`. Nothing is added if no weights were selected. Waits for the device.
  void add_to(ComponentState& state, const std::string& prefix = "") const;
  /// Copies all tensors of `state` whose names begin with `prefix` into `tensors`, in place; other weights are reset to the model's.
  /// DataError for a tensor that is not trained here, has another shape or holds integers; then nothing is copied.
  void take_from(const ComponentState& state, const std::string& prefix = "");

private:
  const Backbone* backbone_ = nullptr;
  TensorMap tensors_;
};

} // namespace cuecard
