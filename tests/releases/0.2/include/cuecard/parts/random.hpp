/// Seeded random numbers that are the same on every machine and with every library version. An object is not
/// thread-safe; different objects may be used from different threads.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// A stream for Random, named after its purpose: the bytes of `name` as a big-endian number. Purposes with several streams add an
/// index. A name that is empty or longer than 8 characters does not compile.
consteval uint64_t stream_id(std::string_view name) {
  if (name.empty() || name.size() > 8)
    throw "a stream's name has 1 to 8 characters";
  uint64_t id = 0;
  for (const char c : name)
    id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

/// A generator for one purpose.
class CUECARD_API Random {
public:
  /// Streams of one seed are independent of each other; see `stream_id`.
  explicit Random(uint64_t seed, uint64_t stream = 0);

  /// Uniform over all 64-bit numbers.
  uint64_t bits() { return generator_(); }
  /// Uniform in [0, 1).
  double uniform();
  /// Uniform in 0 to n - 1, without bias; n > 0.
  uint64_t below(uint64_t n);
  /// Standard normal (Box-Muller).
  double normal();

  /// 0 to n - 1 in random order (Fisher-Yates).
  std::vector<int64_t> permutation(int64_t n);
  /// float32 on the CPU, normal values with mean 0 and the given standard deviation.
  at::Tensor normal_tensor(at::IntArrayRef shape, double deviation);
  /// The same, values uniform in [low, high).
  at::Tensor uniform_tensor(at::IntArrayRef shape, double low, double high);

private:
  std::mt19937_64 generator_;
};

} // namespace cuecard
