/// String functions that behave like Python's `str`: sacreBLEU, rouge-score and SQuAD's script are written in
/// Python, and their values depend on its definitions of whitespace, letters and lower case. Text is UTF-8; invalid
/// bytes count as letters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cuecard {

/// The characters of `text`, as UTF-8.
std::vector<std::string_view> characters_of(std::string_view text);

/// `str.isspace` of a character.
bool is_blank(std::string_view character);

/// `\w` of Python's `re` for a character: letters, digits and other numbers, the underscore; no combining marks.
bool is_word_character(std::string_view character);

/// `str.strip()` and `str.rstrip()`.
std::string_view stripped(std::string_view text);
std::string_view stripped_at_end(std::string_view text);

/// `str.split()`: the words between blanks.
std::vector<std::string> split_at_blanks(std::string_view text);

/// `str.lower()`, by the full mapping of Unicode, with the final sigma of Greek.
std::string lower_case(std::string_view text);

} // namespace cuecard
