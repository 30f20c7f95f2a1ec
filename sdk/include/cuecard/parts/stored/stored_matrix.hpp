/// Matrices whose elements stay in the model file's format. A stored matrix is a frozen at::Tensor [rows, width] of float32 on the
/// CPU without storage: `linear`, `embed_tokens`, `project_to_vocabulary` and the functions below accept it, and dequantise a few
/// rows at a time into a buffer that stays in the CPU cache. Other operators reject it: pass them `dense(matrix)`. All functions
/// also accept ordinary tensors and are thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/parts/stored/block_types.hpp>

namespace cuecard {

/// `bytes` [rows, bytes per row] uint8 on the CPU, in whole blocks of `type`, which the matrix keeps without a copy. Error if a row
/// isn't a whole number of blocks.
CUECARD_API at::Tensor stored_matrix(const at::Tensor& bytes, const BlockType& type);

/// Whether the matrix is a stored one, without memory that LibTorch's operators could read.
CUECARD_API bool is_stored(const at::Tensor& matrix);

/// All elements as an ordinary tensor: float32 for a stored matrix, else `matrix` itself.
CUECARD_API at::Tensor dense(const at::Tensor& matrix);

/// The transposed view of a matrix.
CUECARD_API at::Tensor transposed(const at::Tensor& matrix);

/// Rows `ids` [n] int64 of a matrix: [n, width]. Differentiable in an ordinary matrix that requires gradients.
CUECARD_API at::Tensor matrix_rows(const at::Tensor& matrix, const at::Tensor& ids);

/// Whether two matrices of one shape hold the same numbers. Stored ones are compared by type and bytes.
CUECARD_API bool same_values(const at::Tensor& a, const at::Tensor& b);

} // namespace cuecard
