/// What a model's weights come to when some of them are no numbers: NaN or infinite, as a damaged file holds
/// them, or too large for the type they are kept in.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/model.hpp"

namespace cuecard {

/// `scores` lie on the CPU. Where one is NaN or plus infinity nothing can be decided: DataError that names the
/// model and, where it is the reason, the first of its tensors that holds such a number. Minus infinity is the
/// score of what can't be.
void check_numbers(const at::Tensor& scores, const Model& model);

} // namespace cuecard
