/// Loops that the compiler vectorises for the machine they run on, without asking the whole library for a newer
/// processor.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

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
/// 2^n. Relative error below 2e-7; below -87 it is the smallest normal number or so, never a NaN of its own
/// making.
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

} // namespace cuecard
