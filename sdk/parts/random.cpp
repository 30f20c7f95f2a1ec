#include <cuecard/parts/random.hpp>

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include <ATen/ops/empty.h>

namespace cuecard {

namespace {

/// SplitMix64's mixing step: consecutive seeds and streams give unrelated generator states.
uint64_t mixed(uint64_t x) {
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

} // namespace

Random::Random(uint64_t seed, uint64_t stream) : generator_(mixed(mixed(seed) ^ stream)) {}

double Random::uniform() {
  return static_cast<double>(generator_() >> 11) * 0x1.0p-53;
}

uint64_t Random::below(uint64_t n) {
  const uint64_t unfair = (UINT64_MAX - n + 1) % n; // the first 2^64 mod n values would favour small results
  uint64_t drawn = generator_();
  while (drawn < unfair)
    drawn = generator_();
  return drawn % n;
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::vector<int64_t> Random::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[below(static_cast<uint64_t>(i) + 1)]);
  return order;
}

at::Tensor Random::normal_tensor(at::IntArrayRef shape, double deviation) {
  at::Tensor result = at::empty(shape, at::kFloat);
  float* values = result.data_ptr<float>();
  for (int64_t i = 0; i < result.numel(); ++i)
    values[i] = static_cast<float>(normal() * deviation);
  return result;
}

at::Tensor Random::uniform_tensor(at::IntArrayRef shape, double low, double high) {
  at::Tensor result = at::empty(shape, at::kFloat);
  float* values = result.data_ptr<float>();
  for (int64_t i = 0; i < result.numel(); ++i) // 24 bits: no rounding up to `high`
    values[i] = static_cast<float>(low + (high - low) * (static_cast<double>(bits() >> 40) * 0x1.0p-24));
  return result;
}

} // namespace cuecard
