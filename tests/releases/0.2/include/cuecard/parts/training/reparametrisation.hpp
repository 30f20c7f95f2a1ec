/// Reparametrisation networks for soft prompts and prefixes. Their input does not depend on the text, so a card stores their output
/// and not their weights. Initial weights are float32 on the CPU; `make_trainable` moves them. A network computes in the dtype and on the
/// device of its weights, which are those of its argument. Shapes that don't match are LibTorch's c10::Error.
///
/// Threads: const functions, and the free ones with different arguments, may run concurrently; the others need exclusive use.
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

/// A linear layer initialised as PyTorch does: weight and bias uniform within 1 / sqrt(in) of zero.
CUECARD_API Linear initial_linear(int64_t out, int64_t in, Random& random);
/// A linear layer initialised as in p-tuning v2's code: weight normal with the given standard deviation, bias zero.
CUECARD_API Linear normal_linear(int64_t out, int64_t in, double deviation, Random& random);

/// second(tanh(first(x))): [n, in] -> [n, out], differentiable in x and the weights.
struct CUECARD_API Mlp {
  Linear first, second;

  at::Tensor inside(const at::Tensor& x) const; ///< tanh(first(x)): [n, hidden]
  at::Tensor operator()(const at::Tensor& x) const { return second(inside(x)); }
  /// Weights and biases; the pointers are valid as long as the object stays where it is.
  std::vector<at::Tensor*> tensors();
};

/// Bidirectional long short-term memory (Hochreiter & Schmidhuber 1997) over the rows of a matrix; gates in PyTorch's order: input,
/// forget, cell, output. Built from matrix products, so it runs on every device.
struct CUECARD_API BidirectionalLstm {
  /// The weights of one direction of one layer.
  struct Direction {
    Linear input, hidden; ///< [4 h, in], [4 h, h], each with a bias [4 h]
  };
  std::vector<std::array<Direction, 2>> layers; ///< forwards, backwards

  /// All values uniform within 1 / sqrt(hidden) of zero, as in PyTorch.
  static BidirectionalLstm initial(int64_t in, int64_t hidden, int64_t layers, Random& random);
  /// x [n, in], n > 0 -> [n, 2 h], with zero initial states; differentiable in x and the weights.
  at::Tensor operator()(const at::Tensor& x) const;
  /// As Mlp::tensors.
  std::vector<at::Tensor*> tensors();
};

/// Zeroes each element with probability `rate` and scales the others by 1 / (1 - rate) (Srivastava et al. 2014) in a training pass;
/// otherwise returns x itself. x has any shape and floating-point dtype, and the result the same; differentiable. The mask is drawn from
/// Random(pass.seed, stream) on the CPU, so it is the same on every device. `rate` is below 1.
CUECARD_API at::Tensor dropout(const at::Tensor& x, double rate, const Pass& pass, uint64_t stream);

/// Replaces each tensor by a contiguous leaf on `device` that requires a gradient. Where nothing has to be moved it shares memory with the
/// tensor that was there.
CUECARD_API void make_trainable(const std::vector<at::Tensor*>& tensors, const at::Device& device);

} // namespace cuecard
