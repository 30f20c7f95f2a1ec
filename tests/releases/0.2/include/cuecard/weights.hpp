/// Named tensors of a model, wherever they are stored. Backbone plugins read weights through this interface and never see a path.
///
/// The host implements it and passes it to a backbone's constructor (BackboneArguments); it is valid only during that call, the tensors
/// for as long as they are referred to. Threads: functions may be called concurrently. Errors: DataError for the caller's wrong name or
/// shape and for a damaged file; a constructor lets it pass.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// A source of named tensors.
class Weights {
public:
  virtual ~Weights() = default;

  /// Whether `get` finds a tensor of this name, such as an optional bias.
  virtual bool has(std::string_view name) const = 0;
  /// All names that `has` confirms, each once, in no particular order. Two may be names of one tensor (tied weights).
  virtual std::vector<std::string> names() const = 0;

  /// The tensor, frozen, on the device and in the floating-point type that the host chose. It may be a read-only mapping of the
  /// file: never write to it. DataError for a missing name (the message gives the nearest one) or another shape. `shape` has an
  /// entry for each dimension; -1 matches any size.
  virtual at::Tensor get(std::string_view name, at::IntArrayRef shape) const = 0;

  /// The same for a matrix [out, in] that is only used by functions that accept stored matrices (parts/stored/stored_matrix.hpp):
  /// the host may keep its elements in the file's format. The same errors as `get`.
  virtual at::Tensor matrix(std::string_view name, at::IntArrayRef shape) const { return get(name, shape); }
};

} // namespace cuecard
