/// Matrices whose elements stay in the model file's format. A stored matrix is a frozen at::Tensor [rows, width] of float32 on the CPU
/// without storage: `linear`, `embed_tokens`, `project_to_vocabulary` and the functions below accept it, and dequantise a few rows at a
/// time into a buffer that stays in the CPU cache. Other operators reject it: pass them `dense(matrix)`. All functions but the first also
/// accept ordinary tensors, on any device. They may be called from several threads at once.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/parts/stored/block_types.hpp>

namespace cuecard {

/// A stored matrix of `bytes` [rows, bytes per row] uint8 on the CPU, in whole blocks of `type`, which must outlive it. Contiguous bytes
/// are kept without a copy. Error for bytes of another kind, for a row that isn't a whole number of blocks, and for a type without
/// `dequantise`.
CUECARD_API at::Tensor stored_matrix(const at::Tensor& bytes, const BlockType& type);

/// Whether the matrix is a stored one, without memory that LibTorch's operators could read.
CUECARD_API bool is_stored(const at::Tensor& matrix);

/// All elements as an ordinary tensor: float32 for a stored matrix, else `matrix` itself.
CUECARD_API at::Tensor dense(const at::Tensor& matrix);

/// The transposed view of a matrix.
CUECARD_API at::Tensor transposed(const at::Tensor& matrix);

/// Rows `ids` [n] int64, on the matrix's device, of a matrix: [n, width] in its dtype. Differentiable in an ordinary matrix that requires
/// gradients. Error for an id that isn't the number of a row of a stored matrix; c10::Error (LibTorch's) in an ordinary one on the CPU.
CUECARD_API at::Tensor matrix_rows(const at::Tensor& matrix, const at::Tensor& ids);

/// Whether two matrices of one shape and dtype hold the same numbers. Stored ones are compared by type and bytes, and never equal an
/// ordinary one. Waits for the device.
CUECARD_API bool same_values(const at::Tensor& a, const at::Tensor& b);

} // namespace cuecard
