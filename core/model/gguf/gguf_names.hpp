/// Maps Hugging Face tensor names to the tensors of a GGUF file and their layout.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>

#include "model/gguf/gguf.hpp"

namespace cuecard {

/// The GGUF tensor for a Hugging Face name.
struct GgufSource {
  std::string name;
  /// Number of heads whose rows are interleaved for RoPE in the file (adjacent pairs, as in llama.cpp) and must
  /// be reordered into two halves (as in Hugging Face); 0: no reordering.
  int64_t interleaved_heads = 0;
  bool transposed = false; ///< [out, in] in the file, [in, out] in Hugging Face models
  bool plus_one = false;   ///< the file has 1 more
  /// Number of heads whose queries, keys and values are [3, heads, size] rows in the file and [heads, 3, size] in Hugging Face models;
  /// 0: no such rows.
  int64_t fused_heads = 0;
};

/// Hugging Face name -> GGUF tensor, for all tensors of the file. `configuration` comes from
/// gguf_configuration. Throws DataError for a tensor that is not part of the architecture.
std::map<std::string, GgufSource, std::less<>> gguf_sources(const GgufFile& file,
                                                            const Configuration& configuration);

/// The tensor in Hugging Face layout: rows reordered, matrix transposed, or 1 subtracted (a view of `stored` where it is transposed
/// or as it is).
at::Tensor to_hugging_face_layout(const at::Tensor& stored, const GgufSource& source);

} // namespace cuecard
