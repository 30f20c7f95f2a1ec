#include "model/gguf/gguf_types.hpp"

#include <array>
#include <cstring>

#include <c10/util/Half.h>

#include "model/gguf/gguf_k_quants.hpp"

namespace cuecard {

namespace {

constexpr int block = 32; // elements per block of the types below

float half_at(const std::byte* in) {
  uint16_t bits = 0;
  std::memcpy(&bits, in, sizeof bits);
  return c10::detail::fp16_ieee_to_fp32_value(bits);
}

/// x = scale * q, q in -128..127: scale (float16), then 32 signed bytes.
void q8_0(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 34, out += block) {
    const float scale = half_at(in);
    const auto* q = reinterpret_cast<const int8_t*>(in + 2);
    for (int i = 0; i < block; ++i)
      out[i] = scale * static_cast<float>(q[i]);
  }
}

/// x = scale * (q - 8), q in 0..15: scale (float16), then 16 bytes; the low nibbles are elements 0 to 15, the
/// high nibbles 16 to 31.
void q4_0(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 18, out += block) {
    const float scale = half_at(in);
    const auto* q = reinterpret_cast<const uint8_t*>(in + 2);
    for (int i = 0; i < block / 2; ++i) {
      out[i] = scale * static_cast<float>((q[i] & 15) - 8);
      out[i + block / 2] = scale * static_cast<float>((q[i] >> 4) - 8);
    }
  }
}

/// x = scale * q + min: scale, min (float16), then 16 bytes as in Q4_0.
void q4_1(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 20, out += block) {
    const float scale = half_at(in), min = half_at(in + 2);
    const auto* q = reinterpret_cast<const uint8_t*>(in + 4);
    for (int i = 0; i < block / 2; ++i) {
      out[i] = scale * static_cast<float>(q[i] & 15) + min;
      out[i + block / 2] = scale * static_cast<float>(q[i] >> 4) + min;
    }
  }
}

/// The fifth bit of element i: bit i of four bytes.
int fifth_bit(const uint8_t* bits, int i) {
  return (bits[i / 8] >> (i % 8) & 1) << 4;
}

/// x = scale * (q - 16), q in 0..31: scale (float16), four bytes of fifth bits, then 16 bytes as in Q4_0.
void q5_0(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 22, out += block) {
    const float scale = half_at(in);
    const auto* fifth = reinterpret_cast<const uint8_t*>(in + 2);
    const uint8_t* q = fifth + 4;
    for (int i = 0; i < block / 2; ++i) {
      out[i] = scale * static_cast<float>(((q[i] & 15) | fifth_bit(fifth, i)) - 16);
      out[i + block / 2] = scale * static_cast<float>(((q[i] >> 4) | fifth_bit(fifth, i + block / 2)) - 16);
    }
  }
}

/// x = scale * q + min: scale, min (float16), then as in Q5_0.
void q5_1(const std::byte* in, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, in += 24, out += block) {
    const float scale = half_at(in), min = half_at(in + 2);
    const auto* fifth = reinterpret_cast<const uint8_t*>(in + 4);
    const uint8_t* q = fifth + 4;
    for (int i = 0; i < block / 2; ++i) {
      out[i] = scale * static_cast<float>((q[i] & 15) | fifth_bit(fifth, i)) + min;
      out[i + block / 2] = scale * static_cast<float>((q[i] >> 4) | fifth_bit(fifth, i + block / 2)) + min;
    }
  }
}

/// All ggml types found in files (Q8_1 and Q8_K exist only in memory), so that sizes can be checked and errors
/// can name the type even where dequantisation is not supported.
constexpr std::array types{
    GgufType{0, "F32", 1, 4, nullptr},         GgufType{1, "F16", 1, 2, nullptr},
    GgufType{2, "Q4_0", 32, 18, q4_0},         GgufType{3, "Q4_1", 32, 20, q4_1},
    GgufType{6, "Q5_0", 32, 22, q5_0},         GgufType{7, "Q5_1", 32, 24, q5_1},
    GgufType{8, "Q8_0", 32, 34, q8_0},         GgufType{10, "Q2_K", 256, 84, nullptr},
    GgufType{11, "Q3_K", 256, 110, nullptr},   GgufType{12, "Q4_K", 256, 144, q4_k},
    GgufType{13, "Q5_K", 256, 176, q5_k},      GgufType{14, "Q6_K", 256, 210, q6_k},
    GgufType{16, "IQ2_XXS", 256, 66, nullptr}, GgufType{17, "IQ2_XS", 256, 74, nullptr},
    GgufType{18, "IQ3_XXS", 256, 98, nullptr}, GgufType{19, "IQ1_S", 256, 50, nullptr},
    GgufType{20, "IQ4_NL", 32, 18, nullptr},   GgufType{21, "IQ3_S", 256, 110, nullptr},
    GgufType{22, "IQ2_S", 256, 82, nullptr},   GgufType{23, "IQ4_XS", 256, 136, nullptr},
    GgufType{24, "I8", 1, 1, nullptr},         GgufType{25, "I16", 1, 2, nullptr},
    GgufType{26, "I32", 1, 4, nullptr},        GgufType{27, "I64", 1, 8, nullptr},
    GgufType{28, "F64", 1, 8, nullptr},        GgufType{29, "IQ1_M", 256, 56, nullptr},
    GgufType{30, "BF16", 1, 2, nullptr},       GgufType{34, "TQ1_0", 256, 54, nullptr},
    GgufType{35, "TQ2_0", 256, 66, nullptr},   GgufType{39, "MXFP4", 32, 17, nullptr},
    GgufType{40, "NVFP4", 64, 36, nullptr},    GgufType{41, "Q1_0", 128, 18, nullptr},
};

} // namespace

const GgufType* gguf_type(uint32_t id) {
  for (const GgufType& type : types)
    if (type.id == id)
      return &type;
  return nullptr;
}

} // namespace cuecard
