/// The byte-level alphabet: each of the 256 bytes has a printable character that stands for it (GPT-2).
#pragma once

#include <array>
#include <optional>
#include <string>

namespace cuecard::tokenizer {

/// Printable Latin-1 bytes stand for themselves; the other 68, in order, for U+0100 onwards.
const std::array<std::string, 256>& byte_level_alphabet();

/// The byte that `character` stands for.
std::optional<char> byte_level_byte(char32_t character);

} // namespace cuecard::tokenizer
