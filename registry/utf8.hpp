/// UTF-8 repair, also for texts of plugins: their errors may hold any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cuecard::registry {

struct Sequence {
  std::size_t size;
  bool valid;
};

/// The well-formed UTF-8 character at `at`, or the maximal ill-formed subpart (Unicode standard, table 3-7).
inline Sequence sequence_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80)
    return {1, true};
  std::size_t length = 0;
  unsigned low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF)
    length = 2;
  else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    low = lead == 0xE0 ? 0xA0 : low;
    high = lead == 0xED ? 0x9F : high;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    low = lead == 0xF0 ? 0x90 : low;
    high = lead == 0xF4 ? 0x8F : high;
  } else
    return {1, false};
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) < low || byte(i) > high)
      return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

/// The offset of the first byte that is not part of a character; the size of a valid text.
inline std::size_t valid_utf8_size(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && sequence_at(text, at).valid)
    at += sequence_at(text, at).size;
  return at;
}

/// Replaces each maximal ill-formed subpart by U+FFFD (Unicode 15, section 3.9, "substitution of maximal
/// subparts") and returns the number of replacements.
inline int64_t replace_invalid_utf8(std::string& text) {
  std::string clean;
  int64_t replaced = 0;
  std::size_t copied = 0; // bytes already appended to `clean`
  for (std::size_t at = 0; at < text.size();) {
    const Sequence sequence = sequence_at(text, at);
    if (!sequence.valid) {
      clean.append(text, copied, at - copied).append("\xEF\xBF\xBD");
      copied = at + sequence.size;
      ++replaced;
    }
    at += sequence.size;
  }
  if (replaced > 0)
    text = clean.append(text, copied);
  return replaced;
}

} // namespace cuecard::registry
