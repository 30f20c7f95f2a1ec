/// Number formats of stored matrices: a row is split into blocks of equal length, and a quantised block has its own scale. Names, numbers
/// and layouts are ggml's (`ggml-common.h`); each layout is described beside the function that reads it. Functions of this file, and those
/// that a BlockType points to, may be called from several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuecard/export.hpp>

namespace cuecard {

/// One number format.
struct BlockType {
  uint32_t id;      ///< ggml_type
  const char* name; ///< "Q4_1"
  int64_t elements; ///< per block; 1 for a format without blocks
  int64_t bytes;    ///< per block
  /// Writes `blocks` x `elements` float32. Null for a type of which only the size is known.
  void (*dequantise)(const std::byte* in, int64_t blocks, float* out);
};

/// F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K and IQ4_NL; null for any other id.
CUECARD_API const BlockType* block_type(uint32_t id);

constexpr uint32_t f16_id = 1, q8_0_id = 8, bf16_id = 30; ///< for block_type

/// Writes `blocks` x 34 bytes of Q8_0 from `blocks` x 32 float32, rounded as ggml does: a block's scale is 1 / 127 of
/// its largest magnitude.
CUECARD_API void quantise_q8_0(const float* in, int64_t blocks, std::byte* out);

} // namespace cuecard
