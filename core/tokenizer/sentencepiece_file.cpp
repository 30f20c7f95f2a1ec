#include "tokenizer/sentencepiece_file.hpp"

#include <cstring>
#include <string_view>
#include <unordered_set>

#include <cuecard/error.hpp>

#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

/// The fields of one message, one after the other (protobuf.dev/programming-guides/encoding).
class Message {
public:
  Message(std::string_view bytes, const std::string& origin) : rest_(bytes), origin_(origin) {}

  /// Goes to the next field; false at the end.
  bool next() {
    if (rest_.empty())
      return false;
    const uint64_t key = varint();
    number_ = key >> 3;
    wire_type_ = key & 7;
    if (wire_type_ == 0)
      integer_ = varint();
    else if (wire_type_ == 1)
      bytes_ = take(8);
    else if (wire_type_ == 2)
      bytes_ = take(varint());
    else if (wire_type_ == 5)
      bytes_ = take(4);
    else
      fail("has a field of a kind that such files don't have");
    return true;
  }

  bool is(uint64_t number) const { return number_ == number; }

  /// The value of this field.
  std::string_view bytes() const {
    expect(2);
    return bytes_;
  }
  int64_t integer() const {
    expect(0);
    return static_cast<int64_t>(integer_);
  }
  float real() const {
    expect(5);
    uint32_t bits = 0;
    for (size_t byte = 0; byte < 4; ++byte)
      bits |= static_cast<uint32_t>(static_cast<unsigned char>(bytes_[byte])) << 8 * byte;
    float real;
    std::memcpy(&real, &bits, 4);
    return real;
  }

private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80)
        return value;
    }
    fail("has a number of more than ten bytes");
  }

  std::string_view take(uint64_t count) {
    if (count > rest_.size())
      fail("ends in the middle of a field (" + std::to_string(count) + " bytes are announced, " +
           std::to_string(rest_.size()) + " are left)");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  void expect(uint64_t wire_type) const {
    if (wire_type_ != wire_type)
      fail("has field " + std::to_string(number_) + " in a form that such files don't have");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(origin_ + " " + what + "; it is cut off or no SentencePiece model, so fetch it again.");
  }

  std::string_view rest_;
  const std::string& origin_;
  uint64_t number_ = 0, wire_type_ = 0, integer_ = 0;
  std::string_view bytes_;
};

SentencePieceFile::Entry read_entry(Message message) {
  SentencePieceFile::Entry entry;
  while (message.next()) {
    if (message.is(1))
      entry.piece = message.bytes();
    else if (message.is(2))
      entry.score = message.real();
    else if (message.is(3))
      entry.type = static_cast<SentencePieceFile::Type>(message.integer());
  }
  return entry;
}

void read_trainer_settings(Message message, SentencePieceFile& file) {
  while (message.next()) {
    if (message.is(3))
      file.algorithm = static_cast<SentencePieceFile::Algorithm>(message.integer());
    else if (message.is(35))
      file.byte_fallback = message.integer() != 0;
    else if (message.is(40))
      file.unknown_id = message.integer();
  }
}

void read_normalizer_settings(Message message, SentencePieceFile& file) {
  while (message.next())
    if (message.is(2))
      file.character_map = message.bytes();
}

void check(const SentencePieceFile& file, const std::string& origin) {
  if (file.entries.empty())
    throw DataError(origin + " has no pieces; it is no SentencePiece model, or an empty one.");
  const auto count = static_cast<int64_t>(file.entries.size());
  if (file.unknown_id < 0 || file.unknown_id >= count)
    throw DataError(origin + " says that piece " + std::to_string(file.unknown_id) +
                    " stands for what is unknown, but its pieces go from 0 to " + std::to_string(count - 1) +
                    ".");
  std::unordered_set<std::string_view> seen;
  for (int64_t id = 0; id < count; ++id) {
    const SentencePieceFile::Entry& entry = file.entries[static_cast<size_t>(id)];
    const std::string place = origin + ": piece " + std::to_string(id);
    if (valid_utf8(entry.piece) != entry.piece || entry.piece.empty())
      throw DataError(place + " should be text in UTF-8; the file may be damaged, so fetch it again.");
    if (!(entry.score >= -1e9f && entry.score <= 1e9f))
      throw DataError(place + ", \"" + entry.piece + "\", has a score that is no likelihood.");
    if (!seen.insert(entry.piece).second)
      throw DataError(place + ", \"" + entry.piece + "\", is in the file twice.");
  }
}

} // namespace

SentencePieceFile parse_sentencepiece(const std::string& bytes, const std::string& origin) {
  SentencePieceFile file;
  Message message(bytes, origin);
  while (message.next()) {
    if (message.is(1))
      file.entries.push_back(read_entry({message.bytes(), origin}));
    else if (message.is(2))
      read_trainer_settings({message.bytes(), origin}, file);
    else if (message.is(3))
      read_normalizer_settings({message.bytes(), origin}, file);
  }
  check(file, origin);
  return file;
}

} // namespace cuecard::tokenizer
