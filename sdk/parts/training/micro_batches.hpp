/// Gradients of one optimizer step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// Adds the gradients of the loss, the mean over tasks of each task's mean loss, to those of the trained parameters, micro-batch by
/// micro-batch. The forward and backward pass through a task's conditioning run once, for any number of micro-batches. Returns the
/// loss, on the device.
at::Tensor accumulate_gradients(Tuner& tuner, Engine& engine, int64_t step, const Pass& pass);

} // namespace cuecard
