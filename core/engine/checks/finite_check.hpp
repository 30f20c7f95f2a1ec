/// Detects model outputs that are not finite, and finds the weight tensor responsible: a damaged file can hold
/// NaN or infinite values, and large values can overflow a narrow dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/model.hpp"

namespace cuecard {

/// `scores` must be on the CPU. DataError when one is NaN or plus infinity; it names the model and, if one of
/// its tensors holds such a value, the first of them. Minus infinity is allowed: it is the score of an
/// impossible token or label.
void check_numbers(const at::Tensor& scores, const Model& model);

} // namespace cuecard
