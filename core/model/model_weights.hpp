/// Weights as the host sees them: what a backbone may ask, and how each tensor is stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/weights.hpp>

namespace cuecard {

struct StoredTensor {
  std::string type; ///< as the file's format calls it: "F32", "Q4_1"
  std::vector<int64_t> shape;
  uint64_t bytes = 0;                ///< in the file
  at::ScalarType dtype = at::kFloat; ///< of what `get` returns
};

/// Threads: const methods from any thread. `get` keeps nothing: asking twice converts twice. What needs neither
/// conversion nor another device lies in the file's mapping and costs no memory of its own.
class ModelWeights : public Weights {
public:
  ModelWeights(at::ScalarType dtype, at::Device device) : dtype_(dtype), device_(device) {}

  /// How a tensor is stored, without reading it. A missing name is a DataError with the nearest one.
  virtual StoredTensor stored(std::string_view name) const = 0;

protected:
  /// Floating-point tensors in the chosen type, others as they are, on the chosen device, after the shape was
  /// checked. `origin` names the file.
  at::Tensor convert(const at::Tensor& tensor, std::string_view name, at::IntArrayRef shape,
                     const std::string& origin) const;
  [[noreturn]] void refuse_missing(std::string_view name, const std::string& origin) const;

  at::ScalarType dtype_;
  at::Device device_;
};

} // namespace cuecard
