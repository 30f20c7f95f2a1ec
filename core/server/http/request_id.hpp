/// The name of a request, by which the lines of several programs about it are found.
#pragma once

#include <string>

namespace cuecard::server {

constexpr const char* request_id_header = "X-Request-Id";

/// The name that a client gave, if it has 1 to 128 printable ASCII characters without blanks and quotes, else one of 32 hexadecimal
/// digits that no other request has.
std::string request_id(const std::string& given);

} // namespace cuecard::server
