/// A hash of short byte strings, for in-memory tables.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace cuecard::tokenizer {

/// Spreads `number` over all 64 bits: an odd multiplier, then the high half folded into the low one.
inline uint64_t mix_bits(uint64_t number) {
  number *= 0x9E3779B97F4A7C15u; // 2^64 / golden ratio (Knuth, TAOCP 3, 6.4)
  return number ^ number >> 32;
}

inline uint64_t hash_bytes(std::string_view bytes) {
  uint64_t hash = bytes.size();
  while (bytes.size() >= 8) {
    uint64_t eight;
    std::memcpy(&eight, bytes.data(), 8);
    hash = mix_bits(hash ^ eight);
    bytes.remove_prefix(8);
  }
  uint64_t rest = 0;
  if (!bytes.empty())
    std::memcpy(&rest, bytes.data(), bytes.size());
  return mix_bits(hash ^ mix_bits(rest + 1));
}

} // namespace cuecard::tokenizer
