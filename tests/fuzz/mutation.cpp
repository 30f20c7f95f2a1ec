#include "mutation.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

namespace cuecard::fuzz {

namespace {

std::size_t below(std::size_t end, Random& random) {
  return static_cast<std::size_t>(random() % end);
}

/// A number near a power of two or zero.
uint64_t boundary_value(Random& random) {
  const uint64_t power = uint64_t{1} << below(64, random);
  switch (below(4, random)) {
  case 0:
    return power;
  case 1:
    return power - 1;
  case 2:
    return ~power + 1;
  default:
    return below(4, random);
  }
}

void set_binary(std::string& bytes, std::size_t at, Random& random) {
  const uint64_t number = boundary_value(random);
  const std::size_t width = std::min(std::size_t{1} << below(4, random), bytes.size() - at);
  std::memcpy(bytes.data() + at, &number, width);
}

/// Replaces the next decimal number after `at`, if any.
void set_decimal(std::string& bytes, std::size_t at, Random& random) {
  const std::size_t begin = bytes.find_first_of("0123456789", at);
  if (begin == std::string::npos)
    return;
  const std::size_t end = std::min(bytes.find_first_not_of("0123456789", begin), bytes.size());
  const char* const invalid[] = {"-1",   "0.5",   "1e999", "-1e-999", "18446744073709551616",
                                 "null", "\"1\"", "[]",    "{}",      "true"};
  const bool plain = below(2, random) == 0;
  bytes.replace(begin, end - begin,
                plain ? std::to_string(boundary_value(random)) : invalid[below(std::size(invalid), random)]);
}

void insert_from_other(std::string& bytes, std::size_t at, const std::vector<std::string>& others,
                       Random& random) {
  const std::string& other = others[below(others.size(), random)];
  if (other.empty())
    return;
  const std::size_t from = below(other.size(), random);
  bytes.insert(at, other, from, std::size_t{1} << below(10, random));
}

/// Begin and end of the next value after `at` as written in JSON and templates: quoted, in brackets, or a word.
/// An empty range if there is none.
std::pair<std::size_t, std::size_t> value_after(const std::string& text, std::size_t at) {
  const auto in_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  };
  while (at < text.size() && !in_word(text[at]) && text[at] != '"' && text[at] != '{' && text[at] != '[')
    ++at;
  std::size_t end = at, depth = 0;
  bool quoted = false;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (quoted && c == '\\')
      ++end;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '{' || c == '['))
      ++depth;
    else if (!quoted && depth > 0 && (c == '}' || c == ']'))
      --depth;
    if (!quoted && depth == 0 && (end + 1 >= text.size() || !in_word(c) || !in_word(text[end + 1])))
      return {at, end + 1};
  }
  return {at, text.size()};
}

/// Replaces a value by one of any input, so that the structure is preserved.
void exchange_value(std::string& bytes, std::size_t at, const std::vector<std::string>& others,
                    Random& random) {
  const std::string other = others[below(others.size(), random)];
  if (other.empty())
    return;
  const auto [begin, end] = value_after(bytes, at);
  const auto [from, to] = value_after(other, below(other.size(), random));
  bytes.replace(begin, end - begin, other, from, to - from);
}

void change(std::string& bytes, const std::vector<std::string>& others, Random& random) {
  using namespace std::literals;
  constexpr std::string_view structure = "0123456789-+.eE\"{}[]()<>,:;|\\/#\t\r\n \0\x7f\x80\xff"sv;
  const std::size_t at = below(bytes.size(), random);
  const std::size_t length = std::min(bytes.size() - at, std::size_t{1} << below(8, random));
  switch (below(14, random)) {
  case 0:
    bytes[at] = static_cast<char>(random());
    return;
  case 1:
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8, random));
    return;
  case 2:
    bytes[at] = structure[below(structure.size(), random)];
    return;
  case 3:
    bytes.erase(at, length);
    return;
  case 4:
    bytes.insert(at, bytes.substr(at, length));
    return;
  case 5:
    bytes.replace(at, length, bytes.substr(below(bytes.size(), random), length));
    return;
  case 6:
    return insert_from_other(bytes, at, others, random);
  case 7:
    return set_binary(bytes, at, random);
  case 8:
  case 9:
    return set_decimal(bytes, at, random);
  case 10:
  case 11:
  case 12:
    return exchange_value(bytes, at, others, random);
  default:
    if (below(4, random) == 0)
      bytes.resize(at);
    else
      bytes.insert(at, 1, structure[below(structure.size(), random)]);
  }
}

} // namespace

std::string mutate(std::string bytes, const std::vector<std::string>& others, std::size_t max_size,
                   Random& random) {
  for (std::size_t times = 1 + below(2, random) * below(4, random); times > 0; --times) {
    if (bytes.empty())
      insert_from_other(bytes, 0, others, random);
    else
      change(bytes, others, random);
    bytes.resize(std::min(bytes.size(), max_size));
  }
  return bytes;
}

} // namespace cuecard::fuzz
