#include "server/api_keys.hpp"

#include <sstream>
#include <string_view>

#include <strings.h>

#include <cuecard/error.hpp>

#include "files/sha256.hpp"
#include "files/strict_json.hpp"

namespace cuecard::server {

namespace {

constexpr std::size_t largest_file = 64 << 10;
constexpr std::string_view scheme = "Bearer ";

} // namespace

ApiKeys::ApiKeys(const std::filesystem::path& file) {
  std::istringstream lines(read_text(file, largest_file));
  for (std::string line; std::getline(lines, line);) {
    constexpr const char* blanks = " \t\r";
    const std::size_t begin = line.find_first_not_of(blanks), end = line.find_last_not_of(blanks);
    if (begin != std::string::npos)
      digests_.insert(sha256(line.substr(begin, end + 1 - begin)));
  }
  if (digests_.empty())
    throw DataError(file.string() + ": has no key; write one key a line.");
}

bool ApiKeys::admit(const std::string& authorization) const {
  if (none())
    return true;
  return authorization.size() > scheme.size() &&
         ::strncasecmp(authorization.c_str(), scheme.data(), scheme.size()) == 0 &&
         digests_.contains(sha256(std::string_view(authorization).substr(scheme.size())));
}

} // namespace cuecard::server
