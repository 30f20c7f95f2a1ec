#include "model/gguf_k_quants.hpp"

#include <cstring>

#include <c10/util/Half.h>

namespace cuecard {

namespace {

constexpr int block = 256;

float half_at(const uint8_t* in) {
  uint16_t bits = 0;
  std::memcpy(&bits, in, sizeof bits);
  return c10::detail::fp16_ieee_to_fp32_value(bits);
}

/// Scale and lowest value of sub-block `i` of 8, six bits each in twelve bytes: for the first four sub-blocks
/// the low six bits of bytes 0 to 3 and 4 to 7; for the others a half of bytes 8 to 11 and the two bits above
/// those six.
struct SubBlock {
  float scale, lowest;
};
SubBlock sub_block(const uint8_t* packed, int i, float scale, float lowest) {
  const unsigned s = i < 4 ? packed[i] & 63u : (packed[i + 4] & 15u) | (packed[i - 4] >> 6u) << 4u;
  const unsigned m = i < 4 ? packed[i + 4] & 63u : (packed[i + 4] >> 4u) | (packed[i] >> 6u) << 4u;
  return {scale * static_cast<float>(s), lowest * static_cast<float>(m)};
}

} // namespace

/// x = scale_i q - lowest_i, q in 0..15, sub-blocks i of 32: scale, lowest (float16), twelve bytes of scales,
/// then 128 bytes; 32 bytes hold two sub-blocks, the first in the low halves.
void q4_k(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 144) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(in);
    const float scale = half_at(bytes), lowest = half_at(bytes + 2);
    for (int i = 0; i < block / 32; ++i, out += 32) {
      const SubBlock sub = sub_block(bytes + 4, i, scale, lowest);
      const uint8_t* q = bytes + 16 + i / 2 * 32;
      for (int j = 0; j < 32; ++j)
        out[j] = sub.scale * static_cast<float>(q[j] >> (i % 2 * 4) & 15) - sub.lowest;
    }
  }
}

/// As Q4_K with q in 0..31: the fifth bit of number j in sub-block i is bit i of byte j of 32 that stand in
/// front of the 128.
void q5_k(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 176) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(in);
    const float scale = half_at(bytes), lowest = half_at(bytes + 2);
    const uint8_t* fifth = bytes + 16;
    for (int i = 0; i < block / 32; ++i, out += 32) {
      const SubBlock sub = sub_block(bytes + 4, i, scale, lowest);
      const uint8_t* q = bytes + 48 + i / 2 * 32;
      for (int j = 0; j < 32; ++j)
        out[j] =
            sub.scale * static_cast<float>((q[j] >> (i % 2 * 4) & 15) | (fifth[j] >> i & 1) << 4) - sub.lowest;
    }
  }
}

/// x = scale_i (q - 32), q in 0..63, sub-blocks i of 16: 128 bytes of low halves, 64 of upper bit pairs, 16
/// signed scales, then the block's (float16). Each half block is four runs r of 32: of 64 bytes of low halves
/// runs 0 and 1 have the low ones and 2 and 3 the high ones; of 32 bytes of pairs run r has pair r.
void q6_k(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 210) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(in);
    const auto* scales = reinterpret_cast<const int8_t*>(bytes + 192);
    const float scale = half_at(bytes + 208);
    for (int half = 0; half < 2; ++half)
      for (int r = 0; r < 4; ++r, out += 32)
        for (int j = 0; j < 32; ++j) {
          const int low = bytes[half * 64 + r % 2 * 32 + j] >> (r / 2 * 4) & 15;
          const int high = bytes[128 + half * 32 + j] >> (r * 2) & 3;
          const float of_run = scale * static_cast<float>(scales[half * 8 + r * 2 + j / 16]);
          out[j] = of_run * static_cast<float>((low | high << 4) - 32);
        }
  }
}

} // namespace cuecard
