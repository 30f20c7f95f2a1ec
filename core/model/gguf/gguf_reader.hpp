/// A cursor over untrusted bytes: every read is bounds-checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include <cuecard/error.hpp>

namespace cuecard {

class GgufReader {
public:
  /// `origin` starts every error message.
  GgufReader(std::span<const std::byte> bytes, std::string origin)
      : bytes_(bytes), origin_(std::move(origin)) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return bytes_.size() - offset_; }

  template <class T>
  T number(const std::string& what) {
    require(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  /// gguf_string_t: a length (uint64), then that many bytes.
  std::string string(const std::string& what) {
    const auto length = number<uint64_t>("the length of " + what);
    require(length, what);
    std::string value(reinterpret_cast<const char*>(bytes_.data() + offset_), length);
    offset_ += length;
    return value;
  }

  /// Reads the number of items that follow, each at least `min_bytes` long.
  uint64_t count(const std::string& what, uint64_t min_bytes) {
    const auto value = number<uint64_t>("the number of " + what);
    if (value > remaining() / min_bytes)
      fail("claims " + std::to_string(value) + " " + what + ", which don't fit into the remaining " +
           std::to_string(remaining()) + " bytes");
    return value;
  }

  [[noreturn]] void fail(const std::string& what) const { throw DataError(origin_ + ": " + what + "."); }

private:
  void require(uint64_t bytes, const std::string& what) const {
    if (bytes > remaining())
      fail("is cut off or damaged: " + what + " needs " + std::to_string(bytes) + " bytes at byte " +
           std::to_string(offset_) + ", but only " + std::to_string(remaining()) + " are left");
  }

  std::span<const std::byte> bytes_;
  std::string origin_;
  uint64_t offset_ = 0;
};

} // namespace cuecard
