/// Replaces every occurrence of a string.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {

/// From left to right, without overlaps. An empty `what` is found between all characters and at both ends.
inline void replace_all(std::string& text, std::string_view what, std::string_view with) {
  std::string replaced;
  size_t at = 0;
  for (size_t found = text.find(what); found != std::string::npos; found = text.find(what, at)) {
    replaced.append(text, at, found - at).append(with);
    at = found + what.size();
    if (!what.empty())
      continue;
    if (at == text.size())
      break;
    const size_t length = utf8_length(text[at]);
    replaced.append(text, at, length);
    at += length;
  }
  replaced.append(text, at);
  text = std::move(replaced);
}

} // namespace cuecard::tokenizer
