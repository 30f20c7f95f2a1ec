#include "metrics/python_strings.hpp"

#include <algorithm>

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

namespace cuecard {

namespace {

/// U+FFFD for broken bytes.
UChar32 code_of(std::string_view character) {
  UChar32 code = 0;
  int32_t at = 0;
  U8_NEXT_OR_FFFD(character.data(), at, static_cast<int32_t>(character.size()), code);
  return code;
}

std::size_t length_at(std::string_view text, std::size_t at) {
  const auto end = static_cast<int32_t>(std::min<std::size_t>(text.size() - at, 4));
  int32_t next = 0;
  UChar32 code = 0;
  U8_NEXT(text.data() + at, next, end, code);
  return static_cast<std::size_t>(next);
}

} // namespace

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> characters;
  for (std::size_t at = 0; at < text.size(); at += characters.back().size())
    characters.push_back(text.substr(at, length_at(text, at)));
  return characters;
}

bool is_blank(std::string_view character) {
  const UChar32 code = code_of(character);
  return (code >= '\t' && code <= '\r') || (code >= 0x1C && code <= ' ') || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_word_character(std::string_view character) {
  const UChar32 code = code_of(character);
  return code == '_' || (U_GET_GC_MASK(code) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

std::string_view stripped_at_end(std::string_view text) {
  const auto characters = characters_of(text);
  std::size_t end = text.size();
  for (auto last = characters.rbegin(); last != characters.rend() && is_blank(*last); ++last)
    end -= last->size();
  return text.substr(0, end);
}

std::string_view stripped(std::string_view text) {
  std::size_t begin = 0;
  for (const std::string_view character : characters_of(text)) {
    if (!is_blank(character))
      break;
    begin += character.size();
  }
  return stripped_at_end(text.substr(begin));
}

std::vector<std::string> split_at_blanks(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const std::string_view character : characters_of(text)) {
    const bool blank = is_blank(character);
    if (!blank && !in_word)
      words.emplace_back();
    if (!blank)
      words.back() += character;
    in_word = !blank;
  }
  return words;
}

std::string lower_case(std::string_view text) {
  const icu::StringPiece piece(text.data(), static_cast<int32_t>(text.size()));
  std::string lower;
  icu::UnicodeString::fromUTF8(piece).toLower(icu::Locale::getRoot()).toUTF8String(lower);
  return lower;
}

} // namespace cuecard
