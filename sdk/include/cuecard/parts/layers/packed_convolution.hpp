/// Convolution along packed sequences.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Convolves x [T, H], one row for each token of `side`, with weight [H, H / groups, an odd number of tokens] and bias [H]: [T, H].
/// Sequences are zero-padded on both ends. Late soft tokens are treated as separate sequences, because they have not entered yet.
/// Parents are not supported. Differentiable.
CUECARD_API at::Tensor packed_convolution(const at::Tensor& x, const Side& side, const at::Tensor& weight,
                                          const at::Tensor& bias, int64_t groups);

} // namespace cuecard
