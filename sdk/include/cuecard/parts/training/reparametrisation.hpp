/// Small networks that learned rows come out of while they are learned. None of them sees an input, so what
/// comes out is computed once and kept in their place. Everything learned is float32 on the CPU at first; the
/// functions compute in the type and on the device of what they are given.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/conditioning.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard {

/// A linear map with PyTorch's first values: weight and bias uniform within 1 / sqrt(in) of zero.
CUECARD_API Linear initial_linear(int64_t out, int64_t in, Random& random);
/// One as p-tuning v2's authors begin: weight normal with the given deviation, bias zero.
CUECARD_API Linear normal_linear(int64_t out, int64_t in, double deviation, Random& random);

/// second(tanh(first(x))).
struct CUECARD_API Mlp {
  Linear first, second;

  at::Tensor inside(const at::Tensor& x) const; ///< what `second` is given
  at::Tensor operator()(const at::Tensor& x) const { return second(inside(x)); }
  std::vector<at::Tensor*> tensors();
};

/// Long short-term memory over rows in both directions (Hochreiter & Schmidhuber 1997; the gates as PyTorch
/// orders them: input, forget, cell, output). Plain matrix products: it runs on every device.
struct CUECARD_API BidirectionalLstm {
  /// The weights of one direction of one layer.
  struct Direction {
    Linear input, hidden; ///< [4 h, in], [4 h, h], each with a bias [4 h]
  };
  std::vector<std::array<Direction, 2>> layers; ///< forwards, backwards

  /// All values uniform within 1 / sqrt(hidden) of zero, as in PyTorch.
  static BidirectionalLstm initial(int64_t in, int64_t hidden, int64_t layers, Random& random);
  /// x [n, in] -> [n, 2 h], from states of zero.
  at::Tensor operator()(const at::Tensor& x) const;
  std::vector<at::Tensor*> tensors();
};

/// Zeroes each element with probability `rate` and scales the others by 1 / (1 - rate) (Srivastava et al. 2014)
/// when the pass learns; else x itself. Drawn from Random(pass.seed, stream), the same on every device.
CUECARD_API at::Tensor dropout(const at::Tensor& x, double rate, const Pass& pass, uint64_t stream);

/// Moves tensors to `device` and makes leaves of them that are learned.
CUECARD_API void make_learned(const std::vector<at::Tensor*>& tensors, const at::Device& device);

} // namespace cuecard
