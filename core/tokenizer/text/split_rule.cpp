#include <array>
#include <optional>

#include "tokenizer/text/pattern.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

enum class Kind : uint8_t { letter, number, space, other };

Kind kind_of(char32_t character) {
  return is_letter(character)   ? Kind::letter
         : is_number(character) ? Kind::number
         : is_space(character)  ? Kind::space
                                : Kind::other;
}

/// Iterates over the characters of a text and their classes.
class Cursor {
public:
  Cursor(std::string_view text, uint32_t at) : text_(text), at_(at) {}

  uint32_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }
  char byte() const { return text_[at_]; }
  bool is(Kind kind) const { return !done() && kind_here() == kind; }
  bool is_newline() const { return !done() && (byte() == '\r' || byte() == '\n'); }

  void step() { at_ += static_cast<uint32_t>(utf8_length(text_[at_])); }

  /// Skips characters of `kind`.
  void run(Kind kind) {
    while (is(kind))
      step();
  }

  Kind kind_here() const {
    static const std::array<Kind, 128> ascii = [] {
      std::array<Kind, 128> kinds{};
      for (char32_t character = 0; character < 128; ++character)
        kinds[character] = kind_of(character);
      return kinds;
    }();
    const auto lead = static_cast<unsigned char>(text_[at_]);
    if (lead < 128)
      return ascii[lead];
    size_t at = at_;
    return kind_of(next_char(text_, at));
  }

private:
  std::string_view text_;
  uint32_t at_;
};

/// Length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at `at`, or 0.
uint32_t contraction(std::string_view text, uint32_t at, bool ignore_case) {
  if (text[at] != '\'')
    return 0;
  const auto letter = [&](uint32_t ahead) {
    if (at + ahead >= text.size())
      return '\0';
    const char byte = text[at + ahead];
    return ignore_case && byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 0x20) : byte;
  };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd')
    return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return 3;
  // The long s, U+017F, folds to s.
  return ignore_case && text.substr(at + 1, 2) == "\u017F" ? 3 : 0;
}

/// A run of whitespace, without its last character if other text follows, because a space belongs to the next
/// word. `\s+(?!\S)|\s+`
uint32_t space_end(std::string_view text, uint32_t at) {
  Cursor run(text, at);
  uint32_t last = at;
  while (run.is(Kind::space)) {
    last = run.at();
    run.step();
  }
  return run.done() || last == at ? run.at() : last;
}

/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
uint32_t gpt2_end(std::string_view text, uint32_t at) {
  if (const uint32_t length = contraction(text, at, false))
    return at + length;
  Cursor reader(text, at);
  if (reader.byte() == ' ')
    reader.step();
  if (reader.done() || reader.kind_here() == Kind::space)
    return space_end(text, at);
  reader.run(reader.kind_here());
  return reader.at();
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,D}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|`
/// `\s+(?!\S)|\s+` with D = `max_digits`
uint32_t llama3_end(std::string_view text, uint32_t at, int max_digits) {
  if (const uint32_t length = contraction(text, at, true))
    return at + length;
  Cursor reader(text, at);
  if (reader.is(Kind::number)) {
    for (int digits = 0; digits < max_digits && reader.is(Kind::number); ++digits)
      reader.step();
    return reader.at();
  }
  if (!reader.is(Kind::letter) && !reader.is_newline())
    reader.step();
  if (reader.is(Kind::letter)) {
    reader.run(Kind::letter);
    return reader.at();
  }

  reader = Cursor(text, at);
  if (reader.byte() == ' ')
    reader.step();
  if (reader.is(Kind::other)) {
    reader.run(Kind::other);
    while (reader.is_newline())
      reader.step();
    return reader.at();
  }

  uint32_t newline_end = at;
  for (reader = Cursor(text, at); reader.is(Kind::space);) {
    const bool newline = reader.is_newline();
    reader.step();
    if (newline)
      newline_end = reader.at();
  }
  return newline_end > at ? newline_end : space_end(text, at);
}

} // namespace

uint32_t piece_end(SplitRule rule, std::string_view text, uint32_t at) {
  switch (rule) {
  case SplitRule::gpt2:
    return gpt2_end(text, at);
  case SplitRule::llama3:
    return llama3_end(text, at, 3);
  case SplitRule::qwen2:
    return llama3_end(text, at, 1);
  }
  return static_cast<uint32_t>(text.size());
}

const std::string& regex_of(SplitRule rule) {
  static const std::string gpt2 =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  static const std::string llama3 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const std::string qwen2 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  return rule == SplitRule::gpt2 ? gpt2 : rule == SplitRule::llama3 ? llama3 : qwen2;
}

} // namespace cuecard::tokenizer
