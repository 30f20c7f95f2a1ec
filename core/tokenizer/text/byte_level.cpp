#include "tokenizer/text/byte_level.hpp"

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

bool is_printable(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

std::array<char32_t, 256> characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte)
    characters[byte] = is_printable(byte) ? byte : next++;
  return characters;
}

} // namespace

const std::array<std::string, 256>& byte_level_alphabet() {
  static const std::array<std::string, 256> alphabet = [] {
    std::array<std::string, 256> encoded;
    const auto all = characters();
    for (size_t byte = 0; byte < 256; ++byte)
      append_utf8(encoded[byte], all[byte]);
    return encoded;
  }();
  return alphabet;
}

std::optional<char> byte_level_byte(char32_t character) {
  static const std::array<int, 512> bytes = [] {
    std::array<int, 512> by_character;
    by_character.fill(-1);
    const auto all = characters();
    for (size_t byte = 0; byte < 256; ++byte)
      by_character[all[byte]] = static_cast<int>(byte);
    return by_character;
  }();
  if (character >= bytes.size() || bytes[character] < 0)
    return std::nullopt;
  return static_cast<char>(bytes[character]);
}

} // namespace cuecard::tokenizer
