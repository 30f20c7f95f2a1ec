/// How GGUF stores numbers: rows are cut into blocks of equal length, each with its own scale.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuecard {

struct GgufType {
  uint32_t id;      ///< as the file writes it (ggml_type)
  const char* name; ///< "Q4_1"
  int64_t elements; ///< in a block
  int64_t bytes;    ///< of a block
  /// Writes `blocks` x `elements` float32. Null: stored as plain numbers, or a type that isn't read.
  void (*dequantise)(const std::byte* in, int64_t blocks, float* out);
};

/// Null for a number that stands for no type.
const GgufType* gguf_type(uint32_t id);

} // namespace cuecard
