/// A verbalizer's scores, held to what the template gave it.
#pragma once

#include <ATen/core/Tensor.h>

#include "engine/method.hpp"

namespace cuecard {

/// What the method's verbalizer makes of `values`, its readout at what it reads of `batch`. UsageError when the
/// template gives a row a prompt for each alternative, and the verbalizer labels each of them by itself.
Scores scores_of(const Method& method, const at::Tensor& values, const Batch& batch, const Pass& pass);

} // namespace cuecard
