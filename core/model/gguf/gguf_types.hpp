/// Tensor types of GGUF: quantised types split rows into blocks of equal length, each with its own scale.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuecard {

struct GgufType {
  uint32_t id;      ///< ggml_type
  const char* name; ///< "Q4_1"
  int64_t elements; ///< per block
  int64_t bytes;    ///< per block
  /// Writes `blocks` x `elements` float32. Null for unquantised and unsupported types.
  void (*dequantise)(const std::byte* in, int64_t blocks, float* out);
};

/// Null for an unknown id.
const GgufType* gguf_type(uint32_t id);

} // namespace cuecard
