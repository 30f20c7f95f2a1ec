/// What a GGUF file calls things, in Hugging Face's words: configuration keys, tensor names, rows in its order.
///
/// Architectures: llama, bert.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>

#include "model/gguf.hpp"

namespace cuecard {

/// The configuration as `config.json` of the same model would have it. A missing or impossible value, an
/// architecture or variant that isn't known is a DataError that names file and key.
Configuration gguf_configuration(const GgufFile& file);

/// Where a Hugging Face tensor is found.
struct GgufSource {
  std::string name;
  /// Heads whose rotary rows are interleaved in the file (pairs side by side, as llama.cpp rotates) and have to
  /// be put in two halves (as Hugging Face rotates); 0: rows are as they should be.
  int64_t interleaved_heads = 0;
};

/// Hugging Face name -> where the file has it, for the tensors that the file has. A tensor that has no place in
/// the architecture is a DataError that names it.
std::map<std::string, GgufSource, std::less<>> gguf_sources(const GgufFile& file,
                                                            const Configuration& configuration);

/// The tensor with its rows in Hugging Face's order (a view of `stored` when nothing has to move).
at::Tensor undo_interleaving(const at::Tensor& stored, int64_t heads);

} // namespace cuecard
