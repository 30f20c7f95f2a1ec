/// How GGUF files name the pre-tokenizers of byte-level vocabularies: llama.cpp's values of `tokenizer.ggml.pre`.
#pragma once

#include <string>

namespace cuecard::tokenizer {

/// How texts are split, and the other settings that llama.cpp derives from a value of tokenizer.ggml.pre.
enum class Splitting { gpt2, single_digits, llama3, qwen2 };

struct SplitName {
  const char* name;
  Splitting splitting;
  /// The beginning-of-sequence token is added unless the file says otherwise, and a word that is a piece is not merged.
  bool whole_words = false;
};

/// The split rule that `pre` names. DataError that lists the supported names when it is missing or unknown; `origin` names the file.
const SplitName& split_of(const std::string& pre, const std::string& origin);

} // namespace cuecard::tokenizer
