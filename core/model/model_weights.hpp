/// Weights as the host sees them: the interface for backbones, plus how each tensor is stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/weights.hpp>

#include "model/matrix_form.hpp"

namespace cuecard {

struct StoredTensor {
  std::string type; ///< as named by the file format: "F32", "Q4_1"
  std::vector<int64_t> shape;
  uint64_t bytes = 0;                ///< in the file
  at::ScalarType dtype = at::kFloat; ///< of the tensor that `get` returns
};

/// Threads: const methods from any thread. `get` does not cache: each call converts again. A tensor that
/// needs neither conversion nor another device is a view of the mapped file and uses no extra memory. `matrix` returns a stored
/// matrix where the form is not `converted`; it is `get` on other devices than the CPU, for tensors that aren't matrices, and for types
/// that are used as they are.
class ModelWeights : public Weights {
public:
  ModelWeights(NumberFormat format, at::Device device) : format_(format), device_(device) {}

  /// How a tensor is stored, without reading it. Throws DataError for an unknown name and suggests
  /// the nearest one.
  virtual StoredTensor stored(std::string_view name) const = 0;

protected:
  /// Checks the shape, then moves the tensor to the chosen device; floating-point tensors get the chosen dtype.
  /// `origin` names the file.
  at::Tensor convert(const at::Tensor& tensor, std::string_view name, at::IntArrayRef shape,
                     const std::string& origin) const;
  /// Whether `matrix` returns a matrix of this form.
  bool keeps(MatrixForm form) const { return format_.matrices == form && device_.is_cpu(); }
  /// DataError that names tensor, shape and `origin` unless `found` is `expected`.
  void check_shape(at::IntArrayRef found, std::string_view name, at::IntArrayRef expected,
                   const std::string& origin) const;
  [[noreturn]] void throw_missing(std::string_view name, const std::string& origin) const;

  NumberFormat format_;
  at::Device device_;
};

} // namespace cuecard
