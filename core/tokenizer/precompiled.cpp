#include <array>
#include <optional>

#include "tokenizer/grapheme.hpp"
#include "tokenizer/normalizer.hpp"
#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

std::string decode_base64(const Field& field) {
  const std::string text = field.string();
  const auto value = [](char letter) {
    return letter >= 'A' && letter <= 'Z'   ? letter - 'A'
           : letter >= 'a' && letter <= 'z' ? letter - 'a' + 26
           : letter >= '0' && letter <= '9' ? letter - '0' + 52
           : letter == '+'                  ? 62
           : letter == '/'                  ? 63
                                            : -1;
  };
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  size_t letters = text.size();
  while (letters > 0 && text.size() - letters < 2 && text[letters - 1] == '=')
    --letters;
  if (text.size() % 4 != 0)
    field.fail("should be base64, but its " + std::to_string(text.size()) +
               " characters are no multiple of four; the file may have been cut off.");
  uint32_t bits = 0;
  for (size_t at = 0; at < letters; ++at) {
    const int six = value(text[at]);
    if (six < 0)
      field.fail("should be base64, but character " + std::to_string(at) + " belongs to no such text.");
    bits = bits << 6 | static_cast<uint32_t>(six);
    // Of four letters the second, third and fourth complete a byte.
    if (at % 4 != 0)
      bytes.push_back(static_cast<char>(bits >> (6 - 2 * (at % 4)) & 0xFF));
  }
  return bytes;
}

/// SentencePiece's map from short strings to what they are written as: a table's length, the table, and the
/// results, each ending with a zero byte. The table is a trie in the form of a double array (Aoe 1989; the
/// layout is that of Darts-clone): a node's children lie at its offset, each at the place offset ^ byte.
class CharacterMap {
public:
  CharacterMap(const Field& field, const std::string& bytes) {
    const uint64_t length = bytes.size() < 4 ? 0 : word_at(bytes, 0);
    if (length == 0 || length % 4 != 0 || length > bytes.size() - 4)
      field.fail("says that its table has " + std::to_string(length) + " bytes, but " +
                 std::to_string(bytes.size() < 4 ? 0 : bytes.size() - 4) +
                 " follow, and a table is a multiple of four; the file may have been cut off.");
    for (size_t at = 4; at < 4 + length; at += 4)
      units_.push_back(word_at(bytes, at));
    results_ = bytes.substr(4 + length);
    if (valid_utf8(results_) != results_)
      field.fail("has results that are not UTF-8.");
    for (size_t node = 0; node < units_.size(); ++node)
      if (!is_leaf(units_[node]) && has_leaf(units_[node]))
        check_leaf(field, node ^ offset(units_[node]));
  }

  /// What the shortest known string at the beginning of `text` is written as.
  std::optional<std::string_view> find(std::string_view text) const {
    size_t node = offset(units_[0]);
    for (const char byte : text) {
      if (byte == '\0')
        break;
      node ^= static_cast<unsigned char>(byte);
      if (node >= units_.size() || label(units_[node]) != static_cast<unsigned char>(byte))
        break;
      const uint32_t unit = units_[node];
      node ^= offset(unit);
      if (has_leaf(unit)) {
        const size_t begin = value(units_[node]);
        return std::string_view(results_).substr(begin, results_.find('\0', begin) - begin);
      }
    }
    return std::nullopt;
  }

private:
  static uint32_t word_at(const std::string& bytes, size_t at) {
    uint32_t word = 0;
    for (size_t byte = 0; byte < 4; ++byte)
      word |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + byte])) << 8 * byte;
    return word;
  }

  // A unit: bits 0 to 7 the byte that leads here, 8 whether a string ends here, 10 to 30 the offset, which bit
  // 9 shifts by a byte. At a leaf: bits 0 to 30 the value, bit 31 set.
  static bool is_leaf(uint32_t unit) { return (unit & 1u << 31) != 0; }
  static uint32_t label(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
  static bool has_leaf(uint32_t unit) { return (unit & 1u << 8) != 0; }
  static size_t offset(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 1u << 9) >> 6); }
  static size_t value(uint32_t unit) { return unit & ~(1u << 31); }

  /// Every value is a place in the results, at the beginning of a character.
  void check_leaf(const Field& field, size_t leaf) const {
    if (leaf >= units_.size())
      field.fail("has a table of " + std::to_string(units_.size()) + " entries that points to entry " +
                 std::to_string(leaf) + ".");
    const size_t begin = value(units_[leaf]);
    if (begin >= results_.size() || (results_[begin] & 0xC0) == 0x80)
      field.fail("points to byte " + std::to_string(begin) + " of " + std::to_string(results_.size()) +
                 " bytes of results, where none begins.");
  }

  std::vector<uint32_t> units_;
  std::string results_;
};

/// As the `tokenizers` package does it, whose ids the models were trained with: a short cluster is replaced as
/// a whole by what its shortest known beginning is written as; in others, and where nothing is known, each
/// character by itself.
class Precompiled final : public Normalizer {
public:
  explicit Precompiled(const Field& field) : map_(field, decode_base64(field)) {
    for (size_t byte = 0; byte < 128; ++byte)
      stays_[byte] = !map_.find(std::string(1, static_cast<char>(byte)));
    stays_['\r'] = stays_['\r'] && !map_.find("\r\n");
  }

  void apply(AlignedText& aligned) const override {
    const std::string_view text = aligned.text();
    std::optional<Rewriter> rewriter; // none while nothing has changed
    uint32_t kept = 0;                // up to here it is written
    // What was dropped in front counts to the first character that is left: steps that ask for the beginning of
    // the text find it there.
    const auto keep = [&](uint32_t end) {
      if (rewriter->size() == 0 && kept > 0 && kept < end) {
        const auto behind = kept + static_cast<uint32_t>(utf8_length(text[kept]));
        rewriter->put(text.substr(kept, behind - kept), {0, behind});
        kept = behind;
      }
      rewriter->keep({kept, end});
    };
    const auto put = [&](std::string_view result, size_t begin, size_t end) {
      if (!rewriter)
        rewriter.emplace(aligned);
      keep(static_cast<uint32_t>(begin));
      const size_t from = rewriter->size() == 0 ? 0 : begin;
      rewriter->put(result, {static_cast<uint32_t>(from), static_cast<uint32_t>(end)});
      kept = static_cast<uint32_t>(end);
    };
    for (size_t at = 0; at < text.size();) {
      if (stays(text[at]) && (at + 1 == text.size() || stays(text[at + 1]))) {
        ++at;
        continue;
      }
      const size_t end = grapheme_end(text, at);
      const auto whole = end - at <= longest_whole ? map_.find(text.substr(at, end - at)) : std::nullopt;
      if (whole)
        put(*whole, at, end);
      for (size_t behind = at; !whole && at < end; at = behind) {
        behind += utf8_length(text[at]);
        if (const auto result = map_.find(text.substr(at, behind - at)))
          put(*result, at, behind);
      }
      at = end;
    }
    if (!rewriter)
      return;
    keep(aligned.size());
    aligned = rewriter->finish();
  }

private:
  static constexpr size_t longest_whole = 5; // bytes

  bool stays(char byte) const {
    return static_cast<unsigned char>(byte) < 128 && stays_[static_cast<unsigned char>(byte)];
  }

  CharacterMap map_;
  std::array<bool, 128> stays_{}; // the ASCII characters that are written as themselves
};

} // namespace

std::unique_ptr<const Normalizer> make_precompiled(const Field& settings) {
  return std::make_unique<Precompiled>(settings.at("precompiled_charsmap"));
}

} // namespace cuecard::tokenizer
