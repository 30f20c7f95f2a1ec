/// How the matrices of a model are held in memory.
#pragma once

#include <ATen/core/Tensor.h>

namespace cuecard {

enum class MatrixForm {
  converted, ///< to the data type of the model, like all other tensors
  stored,    ///< as the file has them, mapped (parts/stored/stored_matrix.hpp); all other tensors are float32
  int8,      ///< as Q8_0, quantised at load
};

/// The value of `--dtype`.
struct NumberFormat {
  at::ScalarType dtype = at::kFloat; ///< of activations and of all tensors that are not stored matrices
  MatrixForm matrices = MatrixForm::converted;
};

} // namespace cuecard
