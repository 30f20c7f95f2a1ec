/// ggml's k-quants: super-blocks of 256 elements whose sub-blocks have quantised scales relative to the scale
/// of the super-block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuecard {

/// Implementations of BlockType::dequantise.
void q2_k(const std::byte* in, int64_t blocks, float* out);
void q3_k(const std::byte* in, int64_t blocks, float* out);
void q4_k(const std::byte* in, int64_t blocks, float* out);
void q5_k(const std::byte* in, int64_t blocks, float* out);
void q6_k(const std::byte* in, int64_t blocks, float* out);

} // namespace cuecard
