/// The tokenizer in a GGUF file's metadata.
#pragma once

#include "model/gguf/gguf.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {

/// Throws DataError with file and key for a missing token list or a value of the wrong type.
GgufTokenizer gguf_tokenizer(const GgufFile& file);

} // namespace cuecard
