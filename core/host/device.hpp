/// Where and how the model runs, from `--device`, `--dtype`, `--threads`.
#pragma once

#include <ATen/core/Tensor.h>

#include "host/values.hpp"

namespace cuecard::host {

/// Must be the first thing that a verb does with LibTorch: CUDA's libraries only register themselves in a
/// process in which nothing has asked for CUDA yet (cpp-anchors D4). Throws UsageError when there is no such
/// device; never falls back to another one.
at::Device open_device(const Values& values);

/// float32 when the verb has no `--dtype`.
at::ScalarType dtype_of(const Values& values);

void set_threads(const Values& values);

} // namespace cuecard::host
