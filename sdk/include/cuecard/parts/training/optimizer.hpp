/// Optimizers, learning-rate schedules and gradient clipping. Nothing here waits for the device.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Updates the tensors of its groups from their gradients.
class CUECARD_API Optimizer {
public:
  virtual ~Optimizer() = default;

  /// Updates each tensor from its gradient, with `learning_rate` times its group's scale. Tensors without a gradient are unchanged.
  virtual void step(double learning_rate) = 0;
  /// The moments and step counts, for a checkpoint.
  virtual TensorMap state() const = 0;
  /// Loads what `state` returned for the same groups. DataError if a tensor is missing or has another shape.
  virtual void restore(const TensorMap& state) = 0;
};

/// "adamw" (Loshchilov & Hutter 2019; betas 0.9 and 0.999, epsilon 1e-8), "adam" (Kingma & Ba 2015; the same with weight decay
/// added to the gradient) or "adafactor" (Shazeer & Stern 2018, configured as in prompt tuning: not factored, no parameter scaling,
/// decay 1 - t^-0.8, updates clipped to a root mean square of 1). UsageError for any other name.
CUECARD_API std::unique_ptr<Optimizer> make_optimizer(const std::string& name,
                                                      std::vector<ParameterGroup> groups);

/// A learning-rate schedule.
struct Schedule {
  std::string name; ///< linear | constant | cosine | exponential
  int64_t steps = 1;
  double warmup = 0; ///< fraction of the steps, 0 to 1
  int64_t steps_per_epoch = 1;
  double decay = 1; ///< exponential: factor per epoch
};

/// The factor of the learning rate at step `step`: rises linearly over the warm-up, then "linear" falls to 0, "cosine" falls along
/// a half cosine, "constant" stays, "exponential" is `decay` to the power of the number of completed epochs. UsageError for any
/// other name.
CUECARD_API double schedule_factor(const Schedule& schedule, int64_t step);

/// Scales all gradients by min(1, max_norm / norm), where norm is their joint Euclidean norm, which stays on the device.
CUECARD_API void clip_gradients(const std::vector<ParameterGroup>& groups, double max_norm);

/// Sets the gradients of all tensors to undefined.
CUECARD_API void clear_gradients(const std::vector<ParameterGroup>& groups);

} // namespace cuecard
