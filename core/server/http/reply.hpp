/// A response to a client.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cuecard::server {

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
};

} // namespace cuecard::server
