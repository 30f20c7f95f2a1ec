/// Detects model outputs that are not finite, and finds the weight tensor responsible: a damaged file can hold
/// NaN or infinite values, and large values can overflow a narrow dtype.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/model.hpp"

namespace cuecard {

/// The first tensor of the model that holds NaN or an infinite value; "" when none does. Waits for the device.
std::string damaged_tensor(const Backbone& backbone);

/// Whether all numbers are finite, and too small for a model to overflow float32 with them. Waits for the device.
bool all_usual(const std::vector<at::Tensor>& tensors);

/// `scores` must be on the CPU. DataError when one is NaN or plus infinity; it names the model and, if one of
/// its tensors holds such a value, the first of them. Minus infinity is allowed: it is the score of an
/// impossible token or label.
void check_numbers(const at::Tensor& scores, const Model& model);

} // namespace cuecard
