/// The byte-level alphabet of GPT-2: each of the 256 bytes is mapped to a printable character.
#pragma once

#include <array>
#include <optional>
#include <string>

namespace cuecard::tokenizer {

/// Printable Latin-1 bytes map to themselves; the other 68 map, in order, to U+0100 onwards.
const std::array<std::string, 256>& byte_level_alphabet();

/// The byte for `character`; nullopt if it is not in the alphabet.
std::optional<char> byte_level_byte(char32_t character);

} // namespace cuecard::tokenizer
