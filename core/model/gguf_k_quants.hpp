/// GGUF's "k-quants": blocks of 256 numbers whose sub-blocks have small scales of their own, which are stored
/// as whole numbers times the block's. Layouts are those of ggml's `ggml-common.h`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuecard {

/// GgufType::dequantise of these types.
void q4_k(const std::byte* in, int64_t blocks, float* out);
void q5_k(const std::byte* in, int64_t blocks, float* out);
void q6_k(const std::byte* in, int64_t blocks, float* out);

} // namespace cuecard
