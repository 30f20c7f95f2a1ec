/// Bytes of a data file as text: well-formed UTF-8, without surrounding blanks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cuecard {

/// Replaces each maximal ill-formed part by U+FFFD (Unicode 15, section 3.9, "substitution of maximal
/// subparts") and returns how many there were.
int64_t replace_invalid_utf8(std::string& text);

/// A value as it may stand in a message: at most 60 bytes of whole characters, control characters as spaces.
std::string shown(std::string_view value);

/// Where character number `number`, from 0, of well-formed `text` begins, in bytes; the end has the number of
/// characters. None for what is no such number.
std::optional<int64_t> byte_of_character(std::string_view text, std::string_view number);

/// Without ASCII blanks at both ends.
std::string_view trimmed(std::string_view text);

} // namespace cuecard
