/// What a GGUF file says of a model's sizes, in the words of Hugging Face's `config.json`.
///
/// Architectures: llama (Mistral's files have it, too), qwen2, qwen3, gpt2, bert.
#pragma once

#include <cuecard/configuration.hpp>

#include "model/gguf.hpp"

namespace cuecard {

/// The configuration as `config.json` of the same model would have it. A missing or impossible value, an
/// architecture or variant that isn't known is a DataError that names file and key.
Configuration gguf_configuration(const GgufFile& file);

} // namespace cuecard
