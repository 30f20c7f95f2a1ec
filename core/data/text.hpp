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

/// A number that is whole and not negative: "24", and pandas' "24.0" in a column with gaps. None for any other text.
std::optional<int64_t> whole_number(std::string_view text);

/// The byte offset of character `number` (from 0) in well-formed `text`; the number of characters maps to the end. None
/// when `number` is out of range.
std::optional<int64_t> byte_of_character(std::string_view text, int64_t number);

/// Line feeds for the carriage returns of a text that has no line feed, as Macintosh programs wrote lines.
void end_lines_with_feeds(std::string& text);

/// `text` without leading and trailing ASCII whitespace.
std::string_view trimmed(std::string_view text);

} // namespace cuecard
