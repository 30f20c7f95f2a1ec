/// Limits for clients.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cuecard::server {

struct HttpLimits {
  std::uint32_t header_bytes = 16 << 10;
  std::uint64_t body_bytes = 1 << 20;
  std::size_t connections = 1000; ///< at once; later ones wait to be accepted
  /// Timeout for a client to send a whole request, to receive a piece of an answer, or to send the next
  /// request.
  std::chrono::milliseconds patience{30'000};
};

} // namespace cuecard::server
