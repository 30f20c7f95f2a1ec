/// UTF-8 and the character classes used by tokenizers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cuecard::tokenizer {

/// Length in bytes of the UTF-8 character that starts with `lead`. UTF-8 must be valid.
inline size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The character at `at` of valid UTF-8; advances `at` past it.
inline char32_t next_char(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t lead = byte(0);
  char32_t character = lead;
  const size_t length = utf8_length(text[at]);
  if (length == 2)
    character = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
  else if (length == 3)
    character = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  else if (length == 4)
    character = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  at += length;
  return character;
}

/// The character that ends at `at` (> 0) of valid UTF-8.
char32_t char_before(std::string_view text, size_t at);

void append_utf8(std::string& to, char32_t character);

bool is_ascii(std::string_view text);

/// The result of decoding possibly invalid text: a character of `length` bytes, or `length` invalid bytes that
/// are replaced by one U+FFFD (the longest prefix of a character, or one byte: WHATWG Encoding, "utf-8
/// decoder").
struct Decoded {
  size_t length = 0;
  bool valid = false;
};
Decoded decode_at(std::string_view text, size_t at);

/// `text` with every invalid sequence replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

// The `tokenizers` package uses different Unicode versions for different character classes, and ids only match
// if ours are the same: Unicode 16 for letters, numbers and `\w`, Unicode 17 for lower case, Unicode 8 for
// BERT's punctuation, control characters and accents, Unicode 9 for marks, scripts and normalisation forms. Verified for
// every code point (tests/golden/tokenizer/make_tokenizer_golden.py).

/// General categories L and N, and White_Space.
bool is_letter(char32_t character);
bool is_number(char32_t character);
bool is_space(char32_t character);
/// Like is_number, with the digits of Unicode 17.
bool is_digit(char32_t character);
/// `\w` of Unicode regular expressions: alphabetic, marks, decimal digits, connectors, joiners (UTS #18 annex
/// C).
bool is_word(char32_t character);
/// General category M.
bool is_mark(char32_t character);
/// General category P, or any ASCII symbol.
bool is_punctuation(char32_t character);
/// General categories Cc, Cf and Co.
bool is_control(char32_t character);
/// General category Mn.
bool is_accent(char32_t character);
/// The characters of `\w`, `\p{L}`, `\p{N}` and `\d` in Oniguruma, the regular expression engine of tokenizer.json,
/// as a set in ICU syntax. Inside brackets, `\w` excludes the numbers of Latin-1 (`²`, `½`).
enum class RegexClass { word, word_in_brackets, letter, number, digit };
std::string regex_set(RegexClass of);

/// The script, as the unigram trainers of SentencePiece see it: Hiragana, Katakana and the mark of long vowels are
/// Han. Unicode 9; nullopt for spaces and for what was not assigned.
std::optional<int> script_of(char32_t character);

/// The CJK blocks whose characters BERT separates with spaces.
bool is_chinese_char(char32_t character);

/// Appends the context-independent lower case of a character; only U+0130 becomes two characters.
void append_lower(std::string& to, char32_t character);

} // namespace cuecard::tokenizer
