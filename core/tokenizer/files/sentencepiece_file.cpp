#include "tokenizer/files/sentencepiece_file.hpp"

#include <cstring>
#include <string_view>
#include <unordered_set>

#include <cuecard/error.hpp>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

/// Iterates over the fields of a protocol buffer message (protobuf.dev/programming-guides/encoding).
class Message {
public:
  Message(std::string_view bytes, const std::string& origin) : rest_(bytes), origin_(origin) {}

  /// Reads the next field; false at the end.
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
      fail("has a field with an unsupported wire type");
    return true;
  }

  bool is(uint64_t number) const { return number_ == number; }

  /// The value of the current field.
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
    fail("has a varint of more than ten bytes");
  }

  std::string_view take(uint64_t count) {
    if (count > rest_.size())
      fail("ends in the middle of a field (" + std::to_string(count) + " bytes expected, " +
           std::to_string(rest_.size()) + " left)");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  void expect(uint64_t wire_type) const {
    if (wire_type_ != wire_type)
      fail("has field " + std::to_string(number_) + " with an unexpected wire type");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(origin_ + " " + what +
                    "; it is cut off or not a SentencePiece model, so download it again.");
  }

  std::string_view rest_;
  const std::string& origin_;
  uint64_t number_ = 0, wire_type_ = 0, integer_ = 0;
  std::string_view bytes_;
};

SentencePieceFile::Entry read_piece(Message message) {
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

void read_trainer_spec(Message message, SentencePieceFile& file) {
  while (message.next()) {
    if (message.is(3))
      file.algorithm = static_cast<SentencePieceFile::Algorithm>(message.integer());
    else if (message.is(35))
      file.byte_fallback = message.integer() != 0;
    else if (message.is(40))
      file.unk_id = message.integer();
  }
}

void read_normalizer_spec(Message message, SentencePieceFile& file) {
  while (message.next())
    if (message.is(2))
      file.precompiled_charsmap = message.bytes();
}

void check(const SentencePieceFile& file, const std::string& origin) {
  if (file.entries.empty())
    throw DataError(origin + " has no pieces; it is empty or not a SentencePiece model.");
  const auto count = static_cast<int64_t>(file.entries.size());
  if (file.unk_id < 0 || file.unk_id >= count)
    throw DataError(origin + ": unk_id is " + std::to_string(file.unk_id) + ", but ids range from 0 to " +
                    std::to_string(count - 1) + ".");
  std::unordered_set<std::string_view> seen;
  for (int64_t id = 0; id < count; ++id) {
    const SentencePieceFile::Entry& entry = file.entries[static_cast<size_t>(id)];
    const std::string subject = origin + ": piece " + std::to_string(id);
    if (valid_utf8(entry.piece) != entry.piece || entry.piece.empty())
      throw DataError(subject +
                      " should be non-empty UTF-8 text; the file may be damaged, so download it again.");
    if (!(entry.score >= -1e9f && entry.score <= 1e9f))
      throw DataError(subject + ", \"" + entry.piece + "\", does not have a valid score.");
    if (!seen.insert(entry.piece).second)
      throw DataError(subject + ", \"" + entry.piece + "\", appears twice in the file.");
  }
}

} // namespace

SentencePieceFile parse_sentencepiece(const std::string& bytes, const std::string& origin) {
  SentencePieceFile file;
  Message message(bytes, origin);
  while (message.next()) {
    if (message.is(1))
      file.entries.push_back(read_piece({message.bytes(), origin}));
    else if (message.is(2))
      read_trainer_spec({message.bytes(), origin}, file);
    else if (message.is(3))
      read_normalizer_spec({message.bytes(), origin}, file);
  }
  check(file, origin);
  return file;
}

} // namespace cuecard::tokenizer
