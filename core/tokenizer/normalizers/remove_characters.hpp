/// Removes characters from a text.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tokenizer/text/aligned_text.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {

/// Removes those for which `removed(code point)` holds.
template <class Removed>
void remove_characters(AlignedText& aligned, Removed&& removed) {
  const std::string& text = aligned.text();
  Rewriter rewriter(aligned);
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = static_cast<uint32_t>(at);
    if (!removed(next_char(text, at)))
      rewriter.keep({begin, static_cast<uint32_t>(at)});
  }
  aligned = rewriter.finish();
}

} // namespace cuecard::tokenizer
