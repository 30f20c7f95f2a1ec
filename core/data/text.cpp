#include "data/text.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "registry/utf8.hpp"

namespace cuecard {

using registry::sequence_at;

int64_t replace_invalid_utf8(std::string& text) {
  return registry::replace_invalid_utf8(text);
}

void append_utf8(std::string& text, uint32_t code) {
  const auto tail = [&](unsigned shift) { text += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::optional<int64_t> whole_number(std::string_view text) {
  text = trimmed(text);
  int64_t number = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view fraction = text.substr(static_cast<std::size_t>(rest - text.data()));
  const bool whole = fraction.empty() || (fraction.size() > 1 && fraction[0] == '.' &&
                                          fraction.find_first_not_of('0', 1) == fraction.npos);
  return failure == std::errc() && whole && number >= 0 ? std::optional(number) : std::nullopt;
}

std::optional<int64_t> byte_of_character(std::string_view text, int64_t number) {
  std::size_t at = 0;
  for (; number > 0 && at < text.size(); --number)
    at += sequence_at(text, at).size;
  return number == 0 ? std::optional(static_cast<int64_t>(at)) : std::nullopt;
}

void end_lines_with_feeds(std::string& text) {
  if (text.find('\n') == text.npos)
    std::replace(text.begin(), text.end(), '\r', '\n');
}

std::string shown(std::string_view value) {
  constexpr std::size_t max_bytes = 60;
  std::string text;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t size = sequence_at(value, at).size;
    if (text.size() + size > max_bytes)
      return text + "...";
    text += static_cast<unsigned char>(value[at]) < 0x20 ? " " : value.substr(at, size);
    at += size;
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view whitespace = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(whitespace);
  return begin == text.npos ? std::string_view()
                            : text.substr(begin, text.find_last_not_of(whitespace) - begin + 1);
}

} // namespace cuecard
