/// Byte fallback: the pieces `<0x00>` to `<0xFF>` encode out-of-vocabulary characters.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tokenizer/models/pieces.hpp"

namespace cuecard::tokenizer {

class ByteFallback {
public:
  /// Disabled: covers nothing.
  ByteFallback() { ids_.fill(-1); }
  /// Uses the byte pieces in `pieces`.
  explicit ByteFallback(const Pieces& pieces) {
    constexpr char digits[] = "0123456789ABCDEF";
    for (size_t byte = 0; byte < 256; ++byte)
      ids_[byte] = pieces.id(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">").value_or(-1);
  }

  bool covers(std::string_view text) const {
    return std::all_of(text.begin(), text.end(), [&](char byte) { return id(byte) >= 0; });
  }
  /// -1 if there is no such piece.
  int32_t id(char byte) const { return ids_[static_cast<unsigned char>(byte)]; }

private:
  std::array<int32_t, 256> ids_;
};

} // namespace cuecard::tokenizer
