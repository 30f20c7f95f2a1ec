#include "template/template_grammar_body.hpp"

namespace cuecard {

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return 16;
}

/// Up to `most` digits of base `base` at `at`; moves `at` past them. `count` receives their number.
uint32_t read_digits(std::string_view text, std::size_t& at, int base, int most, int& count) {
  uint32_t value = 0;
  for (count = 0; count < most && at < text.size() && digit_value(text[at]) < base; ++count, ++at)
    value = value * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit_value(text[at]));
  return value;
}

/// The escape whose backslash is at `at`; moves `at` past it. False for an invalid escape.
bool read_escape(std::string_view text, std::size_t& at, std::string& out) {
  const char c = text[at + 1];
  static constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
  const std::size_t simple = letters.find(c);
  if (simple != std::string_view::npos) {
    out += meanings[simple];
    at += 2;
    return true;
  }
  if (c == '\n') {
    at += 2;
    return true;
  }
  int count = 0;
  if (c >= '0' && c <= '7') {
    ++at;
    append_utf8(out, read_digits(text, at, 8, 3, count));
    return true;
  }
  const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits > 0) {
    std::size_t after = at + 2;
    const uint32_t code = read_digits(text, after, 16, digits, count);
    if (count != digits || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      return false;
    append_utf8(out, code);
    at = after;
    return true;
  }
  // Python keeps the backslash of an unknown escape.
  out += '\\';
  ++at;
  return c != 'N';
}

} // namespace

std::optional<std::string> read_python_text(std::string_view text, std::size_t& at, std::string& wrong) {
  const std::size_t open = at;
  const char quote = text[at++];
  std::string value;
  while (at < text.size() && text[at] != quote) {
    if (text[at] != '\\') {
      value += text[at++];
    } else if (at + 1 >= text.size()) {
      break;
    } else if (!read_escape(text, at, value)) {
      wrong = "this escape is not a character";
      return std::nullopt;
    }
  }
  if (at >= text.size()) {
    at = open;
    wrong = "the quotes that open here are never closed";
    return std::nullopt;
  }
  ++at;
  return value;
}

} // namespace cuecard
