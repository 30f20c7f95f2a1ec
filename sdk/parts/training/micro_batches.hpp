/// Gradients of one optimizer step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// Adds to the gradients of what is learned those of the mean over tasks of each task's mean loss, micro-batch
/// by micro-batch. A task's conditioning is made once and walked back through once, however many micro-batches
/// there are. Returns the loss, on the device.
at::Tensor accumulate_gradients(Tuner& tuner, Engine& engine, int64_t step, const Pass& pass);

} // namespace cuecard
