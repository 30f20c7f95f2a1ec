/// Makes untrusted text safe to print on a terminal.
#pragma once

#include <cstddef>
#include <string>

#include "registry/utf8.hpp"

namespace cuecard::host {

/// Replaces line breaks and other control characters, U+0080 to U+009F included, by spaces, and invalid UTF-8 by U+FFFD: names and
/// words come from untrusted files, and errors from plugins.
inline std::string one_line(std::string text) {
  registry::replace_invalid_utf8(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f)
      text[i] = ' ';
    else if (byte == 0xC2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80)
      text.replace(i, 2, " ");
  }
  return text;
}

} // namespace cuecard::host
