/// A cursor over bytes that nobody vouches for: every read is checked against what is left.
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
  /// `origin` stands in front of every message.
  GgufReader(std::span<const std::byte> bytes, std::string origin)
      : bytes_(bytes), origin_(std::move(origin)) {}

  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  template <class T>
  T number(const std::string& what) {
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  /// A length (uint64), then that many bytes.
  std::string text(const std::string& what) {
    const auto length = number<uint64_t>("the length of " + what);
    need(length, what);
    std::string value(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
    return value;
  }

  /// A count of things of which each takes at least `smallest` bytes of what is left.
  uint64_t count(const std::string& what, uint64_t smallest) {
    const auto value = number<uint64_t>("the number of " + what);
    if (value > left() / smallest)
      refuse("claims " + std::to_string(value) + " " + what + ", which don't fit into the " +
             std::to_string(left()) + " bytes that are left");
    return value;
  }

  [[noreturn]] void refuse(const std::string& what) const { throw DataError(origin_ + ": " + what + "."); }

private:
  void need(uint64_t bytes, const std::string& what) const {
    if (bytes > left())
      refuse("is cut off or damaged: " + what + " needs " + std::to_string(bytes) + " bytes at byte " +
             std::to_string(at_) + ", and " + std::to_string(left()) + " are left");
  }

  std::span<const std::byte> bytes_;
  std::string origin_;
  uint64_t at_ = 0;
};

} // namespace cuecard
