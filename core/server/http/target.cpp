#include "server/http/target.hpp"

#include <algorithm>
#include <cctype>

namespace cuecard::server {

namespace {

/// Where the path of an absolute URL begins; 0 if `target` is none.
std::size_t authority_end(const std::string& target) {
  std::string scheme = target.substr(0, target.find("://"));
  for (char& c : scheme)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (scheme != "http" && scheme != "https")
    return 0;
  return std::min(target.find_first_of("/?#", scheme.size() + 3), target.size());
}

} // namespace

std::string path_of(const std::string& target) {
  const std::size_t begin = authority_end(target);
  std::string path = target.substr(begin, target.find_first_of("?#", begin) - begin);
  return path.empty() && begin > 0 ? "/" : path;
}

} // namespace cuecard::server
