/// GGUF's k-quants: super-blocks of 256 elements whose sub-blocks have quantised scales relative to the scale
/// of the super-block. Layouts follow ggml's `ggml-common.h`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuecard {

/// Implementations of GgufType::dequantise.
void q4_k(const std::byte* in, int64_t blocks, float* out);
void q5_k(const std::byte* in, int64_t blocks, float* out);
void q6_k(const std::byte* in, int64_t blocks, float* out);

} // namespace cuecard
