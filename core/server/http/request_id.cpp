#include "server/http/request_id.hpp"

#include <algorithm>
#include <random>

namespace cuecard::server {

namespace {

constexpr std::size_t longest = 128;

bool is_plain(char character) {
  return character > ' ' && character <= '~' && character != '"' && character != '\\';
}

std::string made() {
  constexpr const char* digits = "0123456789abcdef";
  static thread_local std::random_device random;
  std::string id;
  while (id.size() < 32)
    for (unsigned bits = random(), left = 8; left > 0; --left, bits >>= 4)
      id += digits[bits & 15];
  return id;
}

} // namespace

std::string request_id(const std::string& given) {
  return !given.empty() && given.size() <= longest && std::ranges::all_of(given, is_plain) ? given : made();
}

} // namespace cuecard::server
