/// GGUF metadata as a Hugging Face configuration.
///
/// Architectures: llama (also used by Mistral files), qwen2, qwen3, gpt2, bert.
#pragma once

#include <cuecard/configuration.hpp>

#include "model/gguf/gguf.hpp"

namespace cuecard {

/// The configuration with the keys of the same model's `config.json`. Throws DataError with file and key for a
/// missing or invalid value and for an unsupported architecture or variant.
Configuration gguf_configuration(const GgufFile& file);

} // namespace cuecard
