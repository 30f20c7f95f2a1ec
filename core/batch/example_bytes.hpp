/// The size of an example before tokenization, from which batches are formed.
#pragma once

#include <cstddef>

#include <cuecard/example.hpp>

namespace cuecard {

/// Roughly the bytes per token of English text. Forward passes are still bounded by tokens
/// (PredictSettings::batch_tokens).
constexpr std::size_t bytes_per_token = 4;

/// Of all its fields and words.
inline std::size_t bytes_of(const Example& example) {
  std::size_t bytes = 0;
  for (const auto& [name, text] : example.fields)
    bytes += text.size();
  for (const auto& [name, words] : example.words)
    for (const std::string& word : words)
      bytes += word.size() + 1;
  return bytes;
}

} // namespace cuecard
