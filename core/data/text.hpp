/// UTF-8 repair, character offsets and trimming for the text of data files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cuecard {

/// Replaces each maximal ill-formed subpart by U+FFFD (Unicode 15, section 3.9, "substitution of maximal
/// subparts") and returns the number of replacements.
int64_t replace_invalid_utf8(std::string& text);

/// Appends the character U+`code`, which must not be a surrogate, as UTF-8.
void append_utf8(std::string& text, uint32_t code);

/// A value shortened for an error message: at most 60 bytes of whole characters, control characters as spaces.
std::string shown(std::string_view value);

/// The byte offset of character `number` (decimal, from 0) in well-formed `text`; the number of characters maps
/// to the end. None when `number` is malformed or out of range.
std::optional<int64_t> byte_of_character(std::string_view text, std::string_view number);

/// `text` without leading and trailing ASCII whitespace.
std::string_view trimmed(std::string_view text);

} // namespace cuecard
