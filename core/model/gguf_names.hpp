/// What a GGUF file calls a model's tensors, in Hugging Face's words, and how they lie there.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>

#include "model/gguf.hpp"

namespace cuecard {

/// Where a Hugging Face tensor is found.
struct GgufSource {
  std::string name;
  /// Heads whose rotary rows are interleaved in the file (pairs side by side, as llama.cpp rotates) and have to
  /// be put in two halves (as Hugging Face rotates); 0: rows are as they should be.
  int64_t interleaved_heads = 0;
  bool transposed = false; ///< [out, in] in the file, [in, out] in Hugging Face's
};

/// Hugging Face name -> where the file has it, for the tensors that the file has. `configuration` is that of
/// gguf_configuration. A tensor that has no place in
/// the architecture is a DataError that names it.
std::map<std::string, GgufSource, std::less<>> gguf_sources(const GgufFile& file,
                                                            const Configuration& configuration);

/// The tensor as Hugging Face has it: rows in its order, transposed back (a view of `stored` unless rows move).
at::Tensor in_order(const at::Tensor& stored, const GgufSource& source);

} // namespace cuecard
