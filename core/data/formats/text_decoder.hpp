/// The bytes of data files and of standard input as UTF-8: byte-order marks, UTF-16, non-text input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cuecard {

/// Takes the bytes of one file or stream in pieces. A byte-order mark selects UTF-8 (the mark is dropped) or
/// UTF-16 (which is decoded; half a surrogate pair becomes U+FFFD). UTF-8 is not repaired here; that is
/// `replace_invalid_utf8`.
class TextDecoder {
public:
  /// `origin` begins the errors.
  explicit TextDecoder(std::string origin) : origin_(std::move(origin)) {}

  /// The text of the next bytes; what is not decided or not complete yet comes with a later call. `last`: no more
  /// bytes follow. DataError for UTF-16 without a mark, UTF-32, and compressed or binary files.
  std::string decode(std::string_view bytes, bool last);

  /// Halves of surrogate pairs that became U+FFFD.
  int64_t replaced() const { return replaced_; }

private:
  enum class Encoding { undecided, utf8, utf16_le, utf16_be };

  void choose();
  std::string take_utf16(bool last);

  std::string origin_, waiting_;
  Encoding encoding_ = Encoding::undecided;
  int64_t replaced_ = 0;
};

/// All of `bytes` at once; adds to `replaced`.
std::string decoded_text(std::string_view bytes, const std::string& origin, int64_t& replaced);

/// `text` without a UTF-8 byte-order mark at its beginning.
std::string_view without_byte_order_mark(std::string_view text);

} // namespace cuecard
