/// The address of `--listen`.
#pragma once

#include <cstdint>
#include <string>

namespace cuecard::server {

struct Address {
  std::string host; ///< an IP address
  std::uint16_t port = 0;
  bool loopback = false;
};

/// HOST:PORT with an IPv4 address, an IPv6 address in brackets, or `localhost`. UsageError for anything else.
Address parse_address(const std::string& text);

} // namespace cuecard::server
