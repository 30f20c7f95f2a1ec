/// Gradients of one optimizer step.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// The sum of the verbalizer's weights of `batches`.
double weight_of(Engine& engine, int64_t task, const std::vector<Batch>& batches);

/// Adds the gradients of the losses of `batches`, each times its weight / `divisor`, to those of the trained parameters, micro-batch
/// by micro-batch. The forward and backward pass through the task's conditioning run once, for any number of micro-batches. Returns
/// the sum of these losses, on the device; undefined if there is no batch.
at::Tensor add_gradients(Tuner& tuner, Engine& engine, int64_t task, const std::vector<Batch>& batches,
                         double divisor, const Pass& pass);

/// `add_gradients` of the loss of a step, the mean over tasks of each task's mean loss. Returns the loss, on the device.
at::Tensor accumulate_gradients(Tuner& tuner, Engine& engine, int64_t step, const Pass& pass);

} // namespace cuecard
