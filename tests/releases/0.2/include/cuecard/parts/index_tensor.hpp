/// Index lists as tensors.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// A copy of `values` as an int64 tensor [n] on `device`. Does not wait for the copy to a device. May be called from several
/// threads at once.
CUECARD_API at::Tensor index_tensor(std::span<const int64_t> values, at::Device device = at::kCPU);

} // namespace cuecard
