/// Loops that the compiler vectorises for several instruction sets, without raising the baseline of the whole library.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
/// On a function: compiled for AVX-512, AVX2 and the baseline; the loader picks one.
#define CUECARD_VECTORISED                                                                                     \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define CUECARD_VECTORISED
#endif

#define CUECARD_INLINE inline __attribute__((always_inline))

namespace cuecard {

/// exp for float in plain arithmetic, so that loops over it vectorise: x = n ln 2 + r, a polynomial in r, times
/// 2^n. Relative error below 2e-7; below -87 about the smallest normal number; NaN only for NaN.
CUECARD_INLINE float fast_exp(float x) {
  const float bounded = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float shifted =
      bounded * 1.44269504f + 12582912.0f; // adding 1.5 * 2^23 rounds to the nearest whole number
  const float n = shifted - 12582912.0f;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t exponent = static_cast<int32_t>(n) + 127;
  return p * std::bit_cast<float>(exponent << 23);
}

CUECARD_INLINE double fast_exp(double x) {
  return std::exp(x);
}

constexpr int64_t lanes = 16;

/// The sum of term(0) to term(count - 1) in 16 partial sums: a compiler may not reorder a single sum of floats, and so would not
/// vectorise it.
template <class T, class Term>
CUECARD_INLINE T in_lanes(int64_t count, const Term& term) {
  T sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      sums[lane] += term(i + lane);
  T sum = 0;
  for (; i < count; ++i)
    sum += term(i);
  for (int64_t half = lanes / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane)
      sums[lane] += sums[lane + half];
  return sum + sums[0];
}

/// Minus infinity for an empty array.
template <class T>
CUECARD_INLINE T largest(const T* values, int64_t count) {
  T found[lanes];
  for (T& lane : found)
    lane = -std::numeric_limits<T>::infinity();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      found[lane] = values[i + lane] > found[lane] ? values[i + lane] : found[lane];
  for (; i < count; ++i)
    found[0] = values[i] > found[0] ? values[i] : found[0];
  for (int64_t half = lanes / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane)
      found[lane] = found[lane + half] > found[lane] ? found[lane + half] : found[lane];
  return found[0];
}

} // namespace cuecard
