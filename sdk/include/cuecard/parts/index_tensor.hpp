/// Lists of numbers as tensors that index others.
#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// `values` as a kLong tensor [values] of its own on `device`. Nobody waits for the copy to a device.
CUECARD_API at::Tensor index_tensor(std::span<const int64_t> values, at::Device device = at::kCPU);

} // namespace cuecard
