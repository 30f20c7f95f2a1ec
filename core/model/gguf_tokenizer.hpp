/// The tokenizer entries of a GGUF file's metadata.
#pragma once

#include "model/gguf.hpp"
#include "tokenizer/tokenizer.hpp"

namespace cuecard {

/// A missing token list or an entry of another type is a DataError that names file and key.
GgufTokenizer gguf_tokenizer(const GgufFile& file);

} // namespace cuecard
