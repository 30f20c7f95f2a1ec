#include "mutation.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

namespace cuecard::fuzz {

namespace {

std::size_t below(std::size_t end, Chance& chance) {
  return static_cast<std::size_t>(chance() % end);
}

/// A number at the edge of some type, or near zero.
uint64_t edge(Chance& chance) {
  const uint64_t power = uint64_t{1} << below(64, chance);
  switch (below(4, chance)) {
  case 0:
    return power;
  case 1:
    return power - 1;
  case 2:
    return ~power + 1;
  default:
    return below(4, chance);
  }
}

void set_binary(std::string& bytes, std::size_t at, Chance& chance) {
  const uint64_t number = edge(chance);
  const std::size_t width = std::min(std::size_t{1} << below(4, chance), bytes.size() - at);
  std::memcpy(bytes.data() + at, &number, width);
}

/// Replaces the decimal number nearest behind `at`, where there is one.
void set_decimal(std::string& bytes, std::size_t at, Chance& chance) {
  const std::size_t begin = bytes.find_first_of("0123456789", at);
  if (begin == std::string::npos)
    return;
  const std::size_t end = std::min(bytes.find_first_not_of("0123456789", begin), bytes.size());
  const char* const odd[] = {"-1",   "0.5",   "1e999", "-1e-999", "18446744073709551616",
                             "null", "\"1\"", "[]",    "{}",      "true"};
  const bool plain = below(2, chance) == 0;
  bytes.replace(begin, end - begin, plain ? std::to_string(edge(chance)) : odd[below(std::size(odd), chance)]);
}

void insert_foreign(std::string& bytes, std::size_t at, const std::vector<std::string>& others,
                    Chance& chance) {
  const std::string& other = others[below(others.size(), chance)];
  if (other.empty())
    return;
  const std::size_t from = below(other.size(), chance);
  bytes.insert(at, other, from, std::size_t{1} << below(10, chance));
}

/// Where the value behind `at` begins and ends, as JSON and templates write values: quoted, in brackets, or a
/// word. Empty: none is left.
std::pair<std::size_t, std::size_t> value_behind(const std::string& text, std::size_t at) {
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

/// Another value of the same or of another input in the place of one, so that the whole keeps its form.
void exchange_value(std::string& bytes, std::size_t at, const std::vector<std::string>& others,
                    Chance& chance) {
  const std::string other = others[below(others.size(), chance)];
  if (other.empty())
    return;
  const auto [begin, end] = value_behind(bytes, at);
  const auto [from, to] = value_behind(other, below(other.size(), chance));
  bytes.replace(begin, end - begin, other, from, to - from);
}

void change(std::string& bytes, const std::vector<std::string>& others, Chance& chance) {
  using namespace std::literals;
  constexpr std::string_view structure = "0123456789-+.eE\"{}[]()<>,:;|\\/#\t\r\n \0\x7f\x80\xff"sv;
  const std::size_t at = below(bytes.size(), chance);
  const std::size_t length = std::min(bytes.size() - at, std::size_t{1} << below(8, chance));
  switch (below(14, chance)) {
  case 0:
    bytes[at] = static_cast<char>(chance());
    return;
  case 1:
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8, chance));
    return;
  case 2:
    bytes[at] = structure[below(structure.size(), chance)];
    return;
  case 3:
    bytes.erase(at, length);
    return;
  case 4:
    bytes.insert(at, bytes.substr(at, length));
    return;
  case 5:
    bytes.replace(at, length, bytes.substr(below(bytes.size(), chance), length));
    return;
  case 6:
    return insert_foreign(bytes, at, others, chance);
  case 7:
    return set_binary(bytes, at, chance);
  case 8:
  case 9:
    return set_decimal(bytes, at, chance);
  case 10:
  case 11:
  case 12:
    return exchange_value(bytes, at, others, chance);
  default:
    if (below(4, chance) == 0)
      bytes.resize(at);
    else
      bytes.insert(at, 1, structure[below(structure.size(), chance)]);
  }
}

} // namespace

std::string mutated(std::string bytes, const std::vector<std::string>& others, std::size_t longest,
                    Chance& chance) {
  for (std::size_t times = 1 + below(2, chance) * below(4, chance); times > 0; --times) {
    if (bytes.empty())
      insert_foreign(bytes, 0, others, chance);
    else
      change(bytes, others, chance);
    bytes.resize(std::min(bytes.size(), longest));
  }
  return bytes;
}

} // namespace cuecard::fuzz
