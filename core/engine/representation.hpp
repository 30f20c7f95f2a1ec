/// Mean-pooled hidden states of inputs, for tuners that retrieve similar examples.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/example.hpp>

#include "engine/counters.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// EditArgs::representation of each example: [hidden] float32 on the CPU, forwarded in batches of at most
/// `batch_tokens` tokens. Undefined where the fields of an example have no token or its prompt can't be
/// rendered, and for all examples when the tuner does not request any.
std::vector<at::Tensor> representations(const Model& model, const TaskPipeline& pipeline,
                                        const CountedBackbone& backbone,
                                        const std::vector<const Example*>& examples,
                                        int64_t batch_tokens = 4096);

} // namespace cuecard
