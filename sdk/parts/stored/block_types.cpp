#include <cuecard/parts/stored/block_types.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include <c10/util/Half.h>

#include "stored/half.hpp"
#include "stored/k_quants.hpp"

namespace cuecard {

namespace {

constexpr int block = 32; // elements per block of the quantised types below

/// One number of 16 bits (IEEE 754 binary16) per element.
CUECARD_VECTORISED void f16(const std::byte* in, int64_t count, float* __restrict out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = half_at(unsigned_bytes(in) + 2 * i);
}

/// The upper 16 bits of a float32.
CUECARD_VECTORISED void bf16(const std::byte* in, int64_t count, float* __restrict out) {
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, in + 2 * i, sizeof bits);
    out[i] = float_of_bfloat16(bits);
  }
}

/// x = scale * q, q in -128..127: scale (float16), then 32 signed bytes.
CUECARD_VECTORISED void q8_0(const std::byte* in, int64_t blocks, float* __restrict out) {
  for (int64_t b = 0; b < blocks; ++b, in += 34, out += block) {
    const float scale = half_at(unsigned_bytes(in));
    const auto* q = reinterpret_cast<const int8_t*>(in + 2);
    for (int i = 0; i < block; ++i)
      out[i] = scale * static_cast<float>(q[i]);
  }
}

/// Calls `use(scales, rest, out)` for each block of `Size` bytes, which begins with `Halves` float16 numbers: these in float32, and the
/// bytes after them. The numbers of several blocks are converted in one loop, because one at a time takes as long as the elements of a
/// block of nibbles.
template <int Size, int Halves, class Use>
CUECARD_INLINE void for_blocks(const std::byte* in, int64_t blocks, float* __restrict out, const Use& use) {
  constexpr int64_t group = 16;
  uint16_t bits[group * Halves] = {};
  float scales[group * Halves];
  for (int64_t first = 0; first < blocks; first += group) {
    const int64_t count = std::min(group, blocks - first);
    for (int64_t b = 0; b < count; ++b)
      std::memcpy(bits + b * Halves, in + b * Size, sizeof(uint16_t) * Halves);
    for (int64_t i = 0; i < group * Halves; ++i)
      scales[i] = float_of_half(bits[i]);
    for (int64_t b = 0; b < count; ++b, in += Size, out += block)
      use(scales + b * Halves, unsigned_bytes(in) + 2 * Halves, out);
  }
}

/// x = scale * (q - 8), q in 0..15: scale (float16), then 16 bytes; the low nibbles are elements 0 to 15, the
/// high nibbles 16 to 31.
CUECARD_VECTORISED void q4_0(const std::byte* in, int64_t blocks, float* __restrict out) {
  for_blocks<18, 1>(
      in, blocks, out,
      [](const float* scales, const uint8_t* q, float* __restrict x) __attribute__((always_inline)) {
        const float scale = scales[0];
        for (int i = 0; i < block / 2; ++i)
          x[i] = scale * static_cast<float>((q[i] & 15) - 8);
        for (int i = 0; i < block / 2; ++i)
          x[i + block / 2] = scale * static_cast<float>((q[i] >> 4) - 8);
      });
}

/// x = scale * q + min: scale, min (float16), then 16 bytes as in Q4_0.
CUECARD_VECTORISED void q4_1(const std::byte* in, int64_t blocks, float* __restrict out) {
  for_blocks<20, 2>(
      in, blocks, out,
      [](const float* scales, const uint8_t* q, float* __restrict x) __attribute__((always_inline)) {
        const float scale = scales[0], min = scales[1];
        for (int i = 0; i < block / 2; ++i)
          x[i] = scale * static_cast<float>(q[i] & 15) + min;
        for (int i = 0; i < block / 2; ++i)
          x[i + block / 2] = scale * static_cast<float>(q[i] >> 4) + min;
      });
}

/// The fifth bit of an element of Q5_0 and Q5_1: bit i of the four bytes before the nibbles.
CUECARD_INLINE int fifth_bit(const uint8_t* bytes, int i) {
  uint32_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return static_cast<int>(bits >> i & 1u) << 4;
}

/// x = scale * (q - 16), q in 0..31: scale (float16), four bytes of fifth bits, then 16 bytes as in Q4_0.
CUECARD_VECTORISED void q5_0(const std::byte* in, int64_t blocks, float* __restrict out) {
  for_blocks<22, 1>(
      in, blocks, out,
      [](const float* scales, const uint8_t* q, float* __restrict x) __attribute__((always_inline)) {
        const float scale = scales[0];
        for (int i = 0; i < block / 2; ++i)
          x[i] = scale * static_cast<float>(((q[4 + i] & 15) | fifth_bit(q, i)) - 16);
        for (int i = 0; i < block / 2; ++i)
          x[i + block / 2] = scale * static_cast<float>(((q[4 + i] >> 4) | fifth_bit(q, i + block / 2)) - 16);
      });
}

/// x = scale * q + min: scale, min (float16), then as in Q5_0.
CUECARD_VECTORISED void q5_1(const std::byte* in, int64_t blocks, float* __restrict out) {
  for_blocks<24, 2>(
      in, blocks, out,
      [](const float* scales, const uint8_t* q, float* __restrict x) __attribute__((always_inline)) {
        const float scale = scales[0], min = scales[1];
        for (int i = 0; i < block / 2; ++i)
          x[i] = scale * static_cast<float>((q[4 + i] & 15) | fifth_bit(q, i)) + min;
        for (int i = 0; i < block / 2; ++i)
          x[i + block / 2] = scale * static_cast<float>((q[4 + i] >> 4) | fifth_bit(q, i + block / 2)) + min;
      });
}

/// x = scale * values[q], q in 0..15, with unevenly spaced values: scale (float16), then 16 bytes as in Q4_0.
CUECARD_VECTORISED void iq4_nl(const std::byte* in, int64_t blocks, float* __restrict out) {
  static constexpr float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113};
  for_blocks<18, 1>(
      in, blocks, out,
      [](const float* scales, const uint8_t* q, float* __restrict x) __attribute__((always_inline)) {
        const float scale = scales[0];
        for (int i = 0; i < block / 2; ++i)
          x[i] = scale * values[q[i] & 15];
        for (int i = 0; i < block / 2; ++i)
          x[i + block / 2] = scale * values[q[i] >> 4];
      });
}

const std::array types{
    BlockType{f16_id, "F16", 1, 2, f16},    BlockType{2, "Q4_0", 32, 18, q4_0},
    BlockType{3, "Q4_1", 32, 20, q4_1},     BlockType{6, "Q5_0", 32, 22, q5_0},
    BlockType{7, "Q5_1", 32, 24, q5_1},     BlockType{q8_0_id, "Q8_0", 32, 34, q8_0},
    BlockType{10, "Q2_K", 256, 84, q2_k},   BlockType{11, "Q3_K", 256, 110, q3_k},
    BlockType{12, "Q4_K", 256, 144, q4_k},  BlockType{13, "Q5_K", 256, 176, q5_k},
    BlockType{14, "Q6_K", 256, 210, q6_k},  BlockType{20, "IQ4_NL", 32, 18, iq4_nl},
    BlockType{bf16_id, "BF16", 1, 2, bf16},
};

} // namespace

const BlockType* block_type(uint32_t id) {
  for (const BlockType& type : types)
    if (type.id == id)
      return &type;
  return nullptr;
}

void quantise_q8_0(const float* in, int64_t blocks, std::byte* out) {
  for (int64_t b = 0; b < blocks; ++b, in += block, out += 34) {
    float largest = 0;
    for (int i = 0; i < block; ++i)
      largest = std::max(largest, std::abs(in[i]));
    const float scale = largest / 127, inverse = scale > 0 ? 1 / scale : 0;
    const uint16_t bits = c10::detail::fp16_ieee_from_fp32_value(scale);
    std::memcpy(out, &bits, sizeof bits);
    for (int i = 0; i < block; ++i)
      out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::round(in[i] * inverse)));
  }
}

} // namespace cuecard
