/// The check of a tensor that a plugin returned.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Checks that the tensor is defined and dense, and its shape, type and device. `expected` entries of -1 match any size; `any` is the name
/// of that one. `types`: those that it may have; empty: any floating-point type.
void check_tensor(const std::string& what, const at::Tensor& tensor, const std::vector<int64_t>& expected,
                  const at::Device& device, const std::set<at::ScalarType>& types, const std::string& any = "");

} // namespace cuecard
