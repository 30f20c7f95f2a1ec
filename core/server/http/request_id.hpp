/// Request ids, by which the log lines of several programs are correlated.
#pragma once

#include <string>

namespace cuecard::server {

constexpr const char* request_id_header = "X-Request-Id";

/// `given` if it has 1 to 128 printable ASCII characters without blanks, quotes and backslashes; otherwise a random id of 32
/// hexadecimal digits.
std::string request_id(const std::string& given);

} // namespace cuecard::server
