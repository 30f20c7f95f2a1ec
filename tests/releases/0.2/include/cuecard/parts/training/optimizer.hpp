/// Optimizers, learning-rate schedules and gradient clipping. Only `Optimizer::restore` may wait for the device.
///
/// Threads: functions of this file may be called from several threads at once, those that change tensors or their gradients while nothing
/// else uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// Updates the tensors of its groups from their gradients. Gradients, moments and tensors have the same dtype (float32, see
/// Tuner::parameters) and device. Threads: `state` is const; `step` and `restore` need exclusive use of the object, `step` of its tensors,
/// too.
class CUECARD_API Optimizer {
public:
  virtual ~Optimizer() = default;

  /// Updates each tensor from its gradient, with `learning_rate` times its group's scale. Tensors without a gradient are unchanged.
  virtual void step(double learning_rate) = 0;
  /// The moments, which share memory with the optimizer and change with the next `step`, and the number of steps [1] int64, for a
  /// checkpoint.
  virtual TensorMap state() const = 0;
  /// Loads copies of what `state` returned for the same groups, from any device. DataError if a tensor is missing or has another shape;
  /// then the optimizer is not to be used any more.
  virtual void restore(const TensorMap& state) = 0;
};

/// "adamw" (Loshchilov & Hutter 2019; betas 0.9 and 0.999, epsilon 1e-8), "adam" (Kingma & Ba 2015; the same with weight decay
/// added to the gradient) or "adafactor" (Shazeer & Stern 2018, configured as in prompt tuning: not factored, no parameter scaling,
/// decay 1 - t^-0.8, updates clipped to a root mean square of 1). Weight decay of "adamw" and "adafactor" is decoupled: it multiplies the
/// tensor by 1 - rate * decay. UsageError for any other name.
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

/// The factor of the learning rate at step `step`, from 0: rises linearly over the first floor(warmup * steps) steps, then "linear" falls
/// from 1 to 0, "cosine" falls along a half cosine (Loshchilov & Hutter 2017, without restarts), "constant" is 1, and "exponential" is
/// `decay` to the power of the number of completed epochs. After the warm-up, UsageError for any other name.
CUECARD_API double schedule_factor(const Schedule& schedule, int64_t step);

/// Scales all gradients in place by min(1, max_norm / (norm + 1e-6)), where norm is their joint Euclidean norm, which stays on the device
/// (Pascanu et al. 2013; the constant is PyTorch's). All gradients are on one device. Tensors without a gradient are skipped.
CUECARD_API void clip_gradients(const std::vector<ParameterGroup>& groups, double max_norm);

/// Sets the gradients of all tensors to undefined.
CUECARD_API void clear_gradients(const std::vector<ParameterGroup>& groups);

} // namespace cuecard
