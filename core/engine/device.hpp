/// Devices and number formats by name.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "model/matrix_form.hpp"

namespace cuecard {

/// "cpu", "cuda" or "cuda:1". Loads LibTorch's CUDA part if it is needed, so it must be the process's first use of LibTorch then:
/// CUDA's libraries only register themselves where CUDA has not been queried before. UsageError when there is no such device.
at::Device open_device(const std::string& name);

/// "float32", "bfloat16", "float16", "stored" or "int8". UsageError for another name.
NumberFormat format_named(const std::string& name);

} // namespace cuecard
