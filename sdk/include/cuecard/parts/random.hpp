/// Seeded random numbers that are the same on every machine and library version. One thread at a time per
/// object.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

class CUECARD_API Random {
public:
  /// Streams of one seed are independent of each other; name them by what they are for.
  explicit Random(uint64_t seed, uint64_t stream = 0);

  uint64_t bits() { return generator_(); }
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform among 0 to n - 1, without bias; n > 0.
  uint64_t below(uint64_t n);
  /// Standard normal (Box-Muller).
  double normal();

  /// 0 to n - 1 in random order (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t n);
  /// float32 on the CPU, values normal with the given deviation.
  at::Tensor normal_tensor(at::IntArrayRef shape, double deviation);
  /// The same, values uniform in [low, high).
  at::Tensor uniform_tensor(at::IntArrayRef shape, double low, double high);

private:
  std::mt19937_64 generator_;
};

} // namespace cuecard
