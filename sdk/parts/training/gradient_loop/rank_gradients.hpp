/// Gradients of one optimizer step that several ranks share.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/extensions/ranks.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// What `accumulate_gradients` computes, each rank on its part of the batches and with one sum over all ranks. `trained`: the trained
/// tensors, whose gradients are undefined before.
at::Tensor sum_gradients(Tuner& tuner, Engine& engine, Ranks& ranks, const std::vector<at::Tensor>& trained,
                         int64_t step, const Pass& pass);

} // namespace cuecard
