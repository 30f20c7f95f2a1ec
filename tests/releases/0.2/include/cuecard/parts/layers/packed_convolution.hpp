/// Convolution along packed sequences, for the layer with which DeBERTa's larger models encode n-grams (He et al. 2021, "DeBERTa").
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Convolves x [T, H], one row for each token of `side`, with weight [H, H / groups, an odd number of tokens] and bias [H]: [T, H]. All
/// have one floating-point dtype, the result's, and are on one device. Sequences are zero-padded on both ends. Late soft tokens are treated
/// as separate sequences, because they have not entered yet. Side::parent is not read: a child is convolved as if nothing preceded it.
/// Differentiable. c10::Error (LibTorch's) for shapes or dtypes that don't match. May be called from several threads at once.
CUECARD_API at::Tensor packed_convolution(const at::Tensor& x, const Side& side, const at::Tensor& weight,
                                          const at::Tensor& bias, int64_t groups);

} // namespace cuecard
