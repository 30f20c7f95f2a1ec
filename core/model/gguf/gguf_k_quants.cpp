#include "model/gguf/gguf_k_quants.hpp"

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

/// Scale and minimum of sub-block `i` of 8, six bits each, packed in twelve bytes: for the first four
/// sub-blocks the low six bits of bytes 0 to 3 (scales) and 4 to 7 (minimums); for the others the low and high
/// nibble of bytes 8 to 11, with the upper two bits of bytes 0 to 3 and 4 to 7.
struct SubBlock {
  float scale, min;
};
SubBlock sub_block(const uint8_t* packed, int i, float scale, float min) {
  const unsigned s = i < 4 ? packed[i] & 63u : (packed[i + 4] & 15u) | (packed[i - 4] >> 6u) << 4u;
  const unsigned m = i < 4 ? packed[i + 4] & 63u : (packed[i + 4] >> 4u) | (packed[i] >> 6u) << 4u;
  return {scale * static_cast<float>(s), min * static_cast<float>(m)};
}

} // namespace

/// x = scale_i q - min_i, q in 0..15, sub-blocks i of 32: scale, min (float16), twelve bytes of packed scales,
/// then 128 bytes of quants; each 32 bytes hold two sub-blocks, the first in the low nibbles.
void q4_k(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 144) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(in);
    const float scale = half_at(bytes), min = half_at(bytes + 2);
    for (int i = 0; i < block / 32; ++i, out += 32) {
      const SubBlock sub = sub_block(bytes + 4, i, scale, min);
      const uint8_t* q = bytes + 16 + i / 2 * 32;
      for (int j = 0; j < 32; ++j)
        out[j] = sub.scale * static_cast<float>(q[j] >> (i % 2 * 4) & 15) - sub.min;
    }
  }
}

/// Like Q4_K with q in 0..31: the fifth bit of element j in sub-block i is bit i of byte j of the 32 bytes
/// before the 128.
void q5_k(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 176) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(in);
    const float scale = half_at(bytes), min = half_at(bytes + 2);
    const uint8_t* fifth = bytes + 16;
    for (int i = 0; i < block / 32; ++i, out += 32) {
      const SubBlock sub = sub_block(bytes + 4, i, scale, min);
      const uint8_t* q = bytes + 48 + i / 2 * 32;
      for (int j = 0; j < 32; ++j)
        out[j] =
            sub.scale * static_cast<float>((q[j] >> (i % 2 * 4) & 15) | (fifth[j] >> i & 1) << 4) - sub.min;
    }
  }
}

/// x = scale_i (q - 32), q in 0..63, sub-blocks i of 16: 128 bytes with the low four bits, 64 bytes with the
/// upper two, 16 signed scales, then the block scale (float16). Each half block is four runs r of 32: of its 64
/// bytes of low bits runs 0 and 1 use the low nibbles and 2 and 3 the high ones; of its 32 bytes of upper bits
/// run r uses bit pair r.
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
          const float run_scale = scale * static_cast<float>(scales[half * 8 + r * 2 + j / 16]);
          out[j] = run_scale * static_cast<float>((low | high << 4) - 32);
        }
  }
}

} // namespace cuecard
