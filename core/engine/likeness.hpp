/// What inputs are alike by: the model's own picture of them, for tuners that choose by likeness to the input.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/example.hpp>

#include "engine/counters.hpp"
#include "engine/method.hpp"

namespace cuecard {

/// For each example EditArgs::likeness: [hidden] float32 on the CPU, forwarded in batches of at most
/// `batch_tokens` rows. Undefined where an example's fields have no token or its prompt can't be laid out, and
/// for all of them when the method's tuner does not ask.
std::vector<at::Tensor> likenesses(const Model& model, const Method& method, const CountedBackbone& backbone,
                                   const std::vector<const Example*>& examples, int64_t batch_tokens = 4096);

} // namespace cuecard
