/// The storage of a stored matrix, and products with it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include <cuecard/parts/stored/block_types.hpp>

namespace cuecard {

struct StoredRows {
  at::Tensor bytes; ///< [rows, bytes per row] uint8, contiguous
  const BlockType* type = nullptr;
  int64_t rows = 0, width = 0;
  bool transposed = false; ///< the matrix is [width, rows]

  const std::byte* row(int64_t number) const {
    return static_cast<const std::byte*>(bytes.const_data_ptr()) + number * bytes.size(1);
  }
  /// Columns `begin` to `end` of a row, multiples of a block.
  void dequantise(int64_t number, int64_t begin, int64_t end, float* out) const {
    type->dequantise(row(number) + begin / type->elements * type->bytes, (end - begin) / type->elements, out);
  }
};

/// Null for an ordinary tensor.
const StoredRows* stored_rows(const at::Tensor& matrix);

/// Rows `begin` to `end` into `out`, in parallel.
void dequantise_rows(const StoredRows& rows, int64_t begin, int64_t end, float* out);

/// x matrix^T + bias for a stored matrix [out, in], x [..., in] float32, bias [out] or undefined. Differentiable in x and bias.
at::Tensor stored_linear(const at::Tensor& x, const at::Tensor& matrix, const at::Tensor& bias);

} // namespace cuecard
