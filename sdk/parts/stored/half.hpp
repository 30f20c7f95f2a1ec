/// Half-precision numbers to float32 in plain arithmetic, so that loops over them vectorise.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "layers/vectorised.hpp"

namespace cuecard {

/// IEEE 754 binary16. Exponent and fraction move to float32's places, and a product with 2^112 corrects the bias of the exponent,
/// also of numbers below the smallest normal one.
CUECARD_INLINE float float_of_half(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, rest = (half & 0x7fffu) << 13;
  const float scaled = std::bit_cast<float>(rest) * 0x1p112f;
  const uint32_t finite = std::bit_cast<uint32_t>(scaled), special = rest | 0x7f800000u;
  return std::bit_cast<float>(sign | (rest >= 0x0f800000u ? special : finite));
}

CUECARD_INLINE float float_of_bfloat16(uint16_t upper) {
  return std::bit_cast<float>(static_cast<uint32_t>(upper) << 16);
}

CUECARD_INLINE float half_at(const uint8_t* in) {
  uint16_t bits = 0;
  std::memcpy(&bits, in, sizeof bits);
  return float_of_half(bits);
}

CUECARD_INLINE const uint8_t* unsigned_bytes(const std::byte* in) {
  return reinterpret_cast<const uint8_t*>(in);
}

} // namespace cuecard
