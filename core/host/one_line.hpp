/// Foreign text on a terminal, which obeys control characters.
#pragma once

#include <cstddef>
#include <string>

namespace cuecard::host {

/// Line ends become spaces, so that a sentence or a cell is one line, and so do other control characters,
/// U+0080 to U+009F among them: names and words come from files that somebody else wrote.
inline std::string one_line(std::string text) {
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
