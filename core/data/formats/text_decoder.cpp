#include "data/formats/text_decoder.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <cuecard/error.hpp>

#include "data/text.hpp"

namespace cuecard {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";

/// The signature of a non-text file, and what to do about it.
struct Signature {
  std::string_view bytes, what, remedy;
};
constexpr std::array<Signature, 12> signatures{{
    {"\x1F\x8B"sv, "a gzip archive", "unpack it"},
    {"PK\x03\x04"sv, "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as \"CSV UTF-8\""},
    {"\xD0\xCF\x11\xE0"sv, "an old Excel workbook", "save the sheet as \"CSV UTF-8\""},
    {"PAR1"sv, "a Parquet file", "write it as JSON lines or CSV"},
    {"ARROW1"sv, "an Arrow file", "write it as JSON lines or CSV"},
    {"\x28\xB5\x2F\xFD"sv, "a Zstandard archive", "unpack it"},
    {"BZh91AY&SY"sv, "a bzip2 archive", "unpack it"},
    {"\xFD"
     "7zXZ\0"sv,
     "an xz archive", "unpack it"},
    {"SQLite format 3"sv, "an SQLite database", "write the table as JSON lines or CSV"},
    {"%PDF-"sv, "a PDF document", "write its text as JSON lines or CSV"},
    {"\xFF\xFE\0\0"sv, "text in UTF-32", "save it as UTF-8"},
    {"\0\0\xFE\xFF"sv, "text in UTF-32", "save it as UTF-8"},
}};

constexpr std::size_t sampled_bytes = 64;

/// Whether text in UTF-16 begins here: of the sampled pairs of bytes, at least half (and three, or all) have a zero byte,
/// always the same one of the two. A single zero byte may be in any text.
bool looks_like_utf16(std::string_view bytes) {
  const std::size_t pairs = std::min(bytes.size(), sampled_bytes) / 2;
  std::size_t zeros[2] = {0, 0};
  for (std::size_t at = 0; at < pairs * 2; ++at)
    zeros[at % 2] += bytes[at] == '\0';
  const std::size_t most = std::max(zeros[0], zeros[1]);
  return pairs >= 2 && std::min(zeros[0], zeros[1]) == 0 && most >= std::min<std::size_t>(3, pairs) &&
         most * 2 >= pairs;
}

/// Whether the beginning of a stream is long enough to tell its encoding. Two bytes are enough for plain text,
/// since the answer to a short line can't wait for the next line; with a zero byte, a line or the sample for UTF-16 is.
bool is_decidable(std::string_view bytes) {
  constexpr std::size_t longest_signature = 15;
  constexpr std::string_view first_of_signature("\0\x1F\x28\x50\x41\x42\x53\x25\xD0\xEF\xFD\xFE\xFF", 13);
  const bool zero = bytes.substr(0, 2).find('\0') != bytes.npos;
  return bytes.size() >= (zero ? sampled_bytes : longest_signature) || bytes.find('\n') != bytes.npos ||
         (bytes.size() >= 2 && !zero && first_of_signature.find(bytes[0]) == bytes.npos);
}

} // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  return text.substr(text.starts_with(utf8_mark) ? utf8_mark.size() : 0);
}

void TextDecoder::choose() {
  for (const Signature& signature : signatures)
    if (waiting_.starts_with(signature.bytes))
      throw DataError(origin_ + ": is " + std::string(signature.what) + "; expected text, so " +
                      std::string(signature.remedy) + ".");
  encoding_ = Encoding::utf8;
  if (waiting_.starts_with(utf8_mark))
    waiting_.erase(0, utf8_mark.size());
  else if (waiting_.starts_with("\xFF\xFE") || waiting_.starts_with("\xFE\xFF")) {
    encoding_ = waiting_[0] == '\xFF' ? Encoding::utf16_le : Encoding::utf16_be;
    waiting_.erase(0, 2);
  } else if (looks_like_utf16(waiting_))
    throw DataError(origin_ +
                    ": every other byte is zero, as in UTF-16, but there is no byte-order mark; save it "
                    "as UTF-8, or as UTF-16 with the mark.");
}

std::string TextDecoder::decode(std::string_view bytes, bool last) {
  waiting_ += bytes;
  if (encoding_ == Encoding::undecided) {
    if (!last && !is_decidable(waiting_))
      return "";
    choose();
  }
  return encoding_ == Encoding::utf8 ? std::exchange(waiting_, "") : take_utf16(last);
}

std::string TextDecoder::take_utf16(bool last) {
  const auto unit_at = [&](std::size_t at) {
    const unsigned first = static_cast<unsigned char>(waiting_[at]),
                   second = static_cast<unsigned char>(waiting_[at + 1]);
    return encoding_ == Encoding::utf16_le ? first | second << 8 : first << 8 | second;
  };
  const auto is_low = [](unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; };
  std::string text;
  std::size_t at = 0;
  while (at + 2 <= waiting_.size()) {
    unsigned code = unit_at(at);
    if (code >= 0xD800 && code < 0xDC00) {
      if (at + 4 > waiting_.size() && !last)
        break;
      if (at + 4 <= waiting_.size() && is_low(unit_at(at + 2))) {
        code = 0x10000 + ((code - 0xD800) << 10) + (unit_at(at + 2) - 0xDC00);
        at += 2;
      }
    }
    if (code >= 0xD800 && code < 0xE000) {
      code = 0xFFFD;
      ++replaced_;
    }
    append_utf8(text, code);
    at += 2;
  }
  waiting_.erase(0, at);
  if (last && !waiting_.empty()) {
    waiting_.clear();
    append_utf8(text, 0xFFFD);
    ++replaced_;
  }
  return text;
}

std::string decoded_text(std::string_view bytes, const std::string& origin, int64_t& replaced) {
  TextDecoder decoder(origin);
  std::string text = decoder.decode(bytes, true);
  replaced += decoder.replaced();
  return text;
}

} // namespace cuecard
