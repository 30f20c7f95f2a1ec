#include "tokenizer/text/unicode.hpp"

#include <algorithm>
#include <iterator>

#include <unicode/uchar.h>
#include <unicode/uscript.h>

namespace cuecard::tokenizer {
namespace {

uint32_t category(char32_t character) {
  return U_MASK(u_charType(static_cast<UChar32>(character)));
}

bool between(char32_t character, char32_t first, char32_t last) {
  return character >= first && character <= last;
}

bool ascii_letter(char32_t character) {
  return between(character | 0x20, 'a', 'z');
}

/// Whether the character was assigned in Unicode `major`.0.
bool assigned_in(char32_t character, uint8_t major) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(character), age);
  return age[0] < major || (age[0] == major && age[1] == 0);
}

struct Range {
  char32_t first, last;
};

// Added in Unicode 15.1 and 16; ICU 72 (Debian 12) supports 15.0.
constexpr Range new_letters[] = {{0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
                                 {0x10D4A, 0x10D65}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x11380, 0x11389},
                                 {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113B7},
                                 {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0}, {0x13460, 0x143FA},
                                 {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED},
                                 {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D}};
constexpr Range new_numbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x16130, 0x16139},
                                 {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA}};
constexpr Range new_marks[] = {{0x897, 0x897},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0},
                               {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0},
                               {0x113D2, 0x113D2}, {0x113E1, 0x113E2}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F},
                               {0x1E5EE, 0x1E5EF}};

template <size_t count>
bool any(const Range (&ranges)[count], char32_t character) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return between(character, range.first, range.last); });
}

/// `newer` is used only for characters that are unassigned in ICU.
template <size_t count>
bool in_category(char32_t character, uint32_t mask, const Range (&newer)[count]) {
  const uint32_t found = category(character);
  return (found & mask) != 0 || ((found & U_GC_CN_MASK) != 0 && any(newer, character));
}

} // namespace

char32_t char_before(std::string_view text, size_t at) {
  do
    --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return next_char(text, at);
}

void append_utf8(std::string& to, char32_t character) {
  const auto put = [&](char32_t byte) { to.push_back(static_cast<char>(byte)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    put(0x80 | (character & 0x3F));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  }
}

bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (const char byte : text)
    all |= static_cast<unsigned char>(byte);
  return all < 0x80;
}

Decoded decode_at(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80)
    return {1, true};
  if (lead < 0xC2 || lead > 0xF4)
    return {1, false};
  // The range of the second byte excludes overlong forms, surrogates and code points above U+10FFFF.
  unsigned char lowest = 0x80, highest = 0xBF;
  if (lead == 0xE0)
    lowest = 0xA0;
  else if (lead == 0xED)
    highest = 0x9F;
  else if (lead == 0xF0)
    lowest = 0x90;
  else if (lead == 0xF4)
    highest = 0x8F;
  const size_t length = utf8_length(text[at]);
  for (size_t count = 1; count < length; ++count) {
    if (at + count == text.size())
      return {count, false};
    const auto byte = static_cast<unsigned char>(text[at + count]);
    if (byte < lowest || byte > highest)
      return {count, false};
    lowest = 0x80;
    highest = 0xBF;
  }
  return {length, true};
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Decoded decoded = decode_at(text, at);
    if (decoded.valid)
      valid.append(text, at, decoded.length);
    else
      append_utf8(valid, 0xFFFD);
    at += decoded.length;
  }
  return valid;
}

bool is_letter(char32_t character) {
  return character < 0x80 ? ascii_letter(character) : in_category(character, U_GC_L_MASK, new_letters);
}

bool is_number(char32_t character) {
  return character < 0x80 ? between(character, '0', '9') : in_category(character, U_GC_N_MASK, new_numbers);
}

bool is_digit(char32_t character) {
  return is_number(character) || between(character, 0x11DE0, 0x11DE9) || between(character, 0x16FF4, 0x16FF6);
}

bool is_space(char32_t character) {
  return character < 0x80 ? character == ' ' || between(character, '\t', '\r')
                          : u_isUWhiteSpace(static_cast<UChar32>(character)) != 0;
}

bool is_word(char32_t character) {
  if (character < 0x80)
    return ascii_letter(character) || between(character, '0', '9') || character == '_';
  const uint32_t found = category(character);
  if ((found & (U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
      between(character, 0x200C, 0x200D))
    return true;
  if ((found & U_GC_CN_MASK) != 0)
    return any(new_letters, character) || any(new_numbers, character) || any(new_marks, character);
  return u_hasBinaryProperty(static_cast<UChar32>(character), UCHAR_ALPHABETIC) != 0;
}

bool is_mark(char32_t character) {
  if (between(character, 0x1CF2, 0x1CF3)) // letters since Unicode 12
    return true;
  return (category(character) & U_GC_M_MASK) != 0 && assigned_in(character, 9) && character != 0x111C9;
}

bool is_punctuation(char32_t character) {
  if (character < 0x80)
    return between(character, '!', '/') || between(character, ':', '@') || between(character, '[', '`') ||
           between(character, '{', '~');
  if (character == 0x166D || character == 0x111C9) // a symbol and a mark in later versions
    return true;
  return (category(character) & U_GC_P_MASK) != 0 && assigned_in(character, 8);
}

bool is_control(char32_t character) {
  if (character < 0x80)
    return character < 0x20 || character == 0x7F;
  return (category(character) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 && assigned_in(character, 8);
}

bool is_accent(char32_t character) {
  if (character == 0x1734) // Mc since Unicode 14
    return true;
  const bool became_mark = between(character, 0x1885, 0x1886) || character == 0xA9BD || character == 0x111C9;
  return (category(character) & U_GC_MN_MASK) != 0 && assigned_in(character, 8) && !became_mark;
}

std::string regex_set(RegexClass of) {
  std::string set = of == RegexClass::letter   ? "[\\p{L}"
                    : of == RegexClass::number ? "[\\p{N}"
                    : of == RegexClass::digit  ? "[\\p{Nd}"
                                               : "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
  const auto put = [&](const auto& ranges) {
    for (const Range& range : ranges) {
      append_utf8(set, range.first);
      set += '-';
      append_utf8(set, range.last);
    }
  };
  if (of != RegexClass::number && of != RegexClass::digit)
    put(new_letters);
  if (of != RegexClass::letter)
    put(new_numbers);
  if (of == RegexClass::word || of == RegexClass::word_in_brackets)
    put(new_marks);
  constexpr Range latin_1_numbers[] = {{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}};
  if (of == RegexClass::word)
    put(latin_1_numbers);
  return set + "]";
}

std::optional<int> script_of(char32_t character) {
  if (character == ' ' || !assigned_in(character, 9))
    return std::nullopt;
  if (character == 0x30FC)
    return USCRIPT_HAN;
  if (character == 0x589 || character == 0x61C) // given to Armenian and Arabic later
    return USCRIPT_COMMON;
  if (between(character, 0x953, 0x954))
    return USCRIPT_DEVANAGARI;
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(character), &status);
  if (U_FAILURE(status) || script == USCRIPT_UNKNOWN)
    return std::nullopt;
  return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ? USCRIPT_HAN : script;
}

bool is_chinese_char(char32_t character) {
  return between(character, 0x4E00, 0x9FFF) || between(character, 0x3400, 0x4DBF) ||
         between(character, 0x20000, 0x2A6DF) || between(character, 0x2A700, 0x2B73F) ||
         between(character, 0x2B740, 0x2B81F) || between(character, 0x2B920, 0x2CEAF) ||
         between(character, 0xF900, 0xFAFF) || between(character, 0x2F800, 0x2FA1F);
}

void append_lower(std::string& to, char32_t character) {
  // Case pairs added in Unicode 16 and 17.
  constexpr struct {
    Range upper;
    char32_t lower;
  } newer[] = {{{0x1C89, 0x1C89}, 0x1C8A},   {{0xA7CB, 0xA7CB}, 0x264},  {{0xA7CC, 0xA7CC}, 0xA7CD},
               {{0xA7CE, 0xA7CE}, 0xA7CF},   {{0xA7D2, 0xA7D2}, 0xA7D3}, {{0xA7D4, 0xA7D4}, 0xA7D5},
               {{0xA7DA, 0xA7DA}, 0xA7DB},   {{0xA7DC, 0xA7DC}, 0x19B},  {{0x10D50, 0x10D65}, 0x10D70},
               {{0x16EA0, 0x16EB8}, 0x16EBB}};
  if (character < 0x80) {
    to.push_back(static_cast<char>(between(character, 'A', 'Z') ? character + 0x20 : character));
    return;
  }
  if (character == 0x130) {
    to.append("i\u0307");
    return;
  }
  for (const auto& pair : newer)
    if (between(character, pair.upper.first, pair.upper.last))
      return append_utf8(to, pair.lower + (character - pair.upper.first));
  append_utf8(to, static_cast<char32_t>(u_tolower(static_cast<UChar32>(character))));
}

} // namespace cuecard::tokenizer
