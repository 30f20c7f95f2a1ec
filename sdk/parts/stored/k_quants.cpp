#include "stored/k_quants.hpp"

#include "stored/half.hpp"

namespace cuecard {

namespace {

constexpr int block = 256;

/// Scale and minimum of sub-block `i` of 8, six bits each, packed in twelve bytes: for the first four
/// sub-blocks the low six bits of bytes 0 to 3 (scales) and 4 to 7 (minimums); for the others the low and high
/// nibble of bytes 8 to 11, with the upper two bits of bytes 0 to 3 and 4 to 7.
struct SubBlock {
  float scale, min;
};
CUECARD_INLINE SubBlock sub_block(const uint8_t* packed, int i, float scale, float min) {
  const unsigned s = i < 4 ? packed[i] & 63u : (packed[i + 4] & 15u) | (packed[i - 4] >> 6u) << 4u;
  const unsigned m = i < 4 ? packed[i + 4] & 63u : (packed[i + 4] >> 4u) | (packed[i] >> 6u) << 4u;
  return {scale * static_cast<float>(s), min * static_cast<float>(m)};
}

/// Scale i of 16 of Q3_K, six bits each, packed in twelve bytes: the low four bits in the nibbles of bytes 0 to 7 (low ones first), the
/// upper two in bit pair i / 4 of byte 8 + i % 4. Offset by 32.
CUECARD_INLINE int six_bit_scale(const uint8_t* packed, int i) {
  const int low = i < 8 ? packed[i] & 15 : packed[i - 8] >> 4;
  return (low | (packed[8 + i % 4] >> (i / 4 * 2) & 3) << 4) - 32;
}

} // namespace

/// x = scale_i q - min_i, q in 0..3, sub-blocks i of 16: 16 bytes with scale (low nibble) and minimum (high nibble) of each, 64 bytes of
/// quants, then scale and minimum of the block (float16). Each half block has 32 bytes of quants, of which run r of 32 elements
/// uses bit pair r.
CUECARD_VECTORISED void q2_k(const std::byte* in, int64_t blocks, float* __restrict out) {
  for (int64_t b = 0; b < blocks; ++b, in += 84) {
    const uint8_t* bytes = unsigned_bytes(in);
    const float scale = half_at(bytes + 80), min = half_at(bytes + 82);
    for (int i = 0; i < block / 16; ++i, out += 16) {
      const float sub_scale = scale * static_cast<float>(bytes[i] & 15),
                  sub_min = min * static_cast<float>(bytes[i] >> 4);
      const uint8_t* q = bytes + 16 + i / 8 * 32 + i % 2 * 16;
      for (int j = 0; j < 16; ++j)
        out[j] = sub_scale * static_cast<float>(q[j] >> (i / 2 % 4 * 2) & 3) - sub_min;
    }
  }
}

/// x = scale_i (q - 4), q in 0..7, sub-blocks i of 16: 32 bytes with the third bits, 64 bytes with the low two bits as in Q2_K, twelve
/// bytes of packed scales, then the scale of the block (float16). Run r of 32 elements of the block uses bit r of the 32 bytes.
CUECARD_VECTORISED void q3_k(const std::byte* in, int64_t blocks, float* __restrict out) {
  for (int64_t b = 0; b < blocks; ++b, in += 110) {
    const uint8_t* bytes = unsigned_bytes(in);
    const float scale = half_at(bytes + 108);
    for (int i = 0; i < block / 16; ++i, out += 16) {
      const float sub_scale = scale * static_cast<float>(six_bit_scale(bytes + 96, i));
      const uint8_t *third = bytes + i % 2 * 16, *q = bytes + 32 + i / 8 * 32 + i % 2 * 16;
      for (int j = 0; j < 16; ++j)
        out[j] = sub_scale *
                 static_cast<float>(((q[j] >> (i / 2 % 4 * 2) & 3) | (third[j] >> (i / 2) & 1) << 2) - 4);
    }
  }
}

/// x = scale_i q - min_i, q in 0..15, sub-blocks i of 32: scale, min (float16), twelve bytes of packed scales,
/// then 128 bytes of quants; each 32 bytes hold two sub-blocks, the first in the low nibbles.
CUECARD_VECTORISED void q4_k(const std::byte* in, int64_t blocks, float* __restrict out) {
  for (int64_t b = 0; b < blocks; ++b, in += 144) {
    const uint8_t* bytes = unsigned_bytes(in);
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
CUECARD_VECTORISED void q5_k(const std::byte* in, int64_t blocks, float* __restrict out) {
  for (int64_t b = 0; b < blocks; ++b, in += 176) {
    const uint8_t* bytes = unsigned_bytes(in);
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
CUECARD_VECTORISED void q6_k(const std::byte* in, int64_t blocks, float* __restrict out) {
  for (int64_t b = 0; b < blocks; ++b, in += 210) {
    const uint8_t* bytes = unsigned_bytes(in);
    const auto* scales = reinterpret_cast<const int8_t*>(bytes + 192);
    const float scale = half_at(bytes + 208);
    for (int i = 0; i < block / 16; ++i, out += 16) {
      const int half = i / 8, run = i / 2 % 4;
      const uint8_t *low = bytes + half * 64 + run % 2 * 32 + i % 2 * 16,
                    *high = bytes + 128 + half * 32 + i % 2 * 16;
      const float sub_scale = scale * static_cast<float>(scales[i]);
      for (int j = 0; j < 16; ++j)
        out[j] = sub_scale *
                 static_cast<float>(((low[j] >> (run / 2 * 4) & 15) | (high[j] >> (run * 2) & 3) << 4) - 32);
    }
  }
}

} // namespace cuecard
