#include <array>
#include <optional>

#include "tokenizer/normalizers/normalizer.hpp"
#include "tokenizer/text/grapheme.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

std::string decode_base64(const Field& field) {
  const std::string text = field.string();
  const auto value = [](char digit) {
    return digit >= 'A' && digit <= 'Z'   ? digit - 'A'
           : digit >= 'a' && digit <= 'z' ? digit - 'a' + 26
           : digit >= '0' && digit <= '9' ? digit - '0' + 52
           : digit == '+'                 ? 62
           : digit == '/'                 ? 63
                                          : -1;
  };
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  size_t digits = text.size();
  while (digits > 0 && text.size() - digits < 2 && text[digits - 1] == '=')
    --digits;
  if (text.size() % 4 != 0)
    field.fail("should be base64, but its " + std::to_string(text.size()) +
               " characters are not a multiple of four; the file may have been cut off.");
  uint32_t bits = 0;
  for (size_t at = 0; at < digits; ++at) {
    const int six = value(text[at]);
    if (six < 0)
      field.fail("should be base64, but character " + std::to_string(at) + " is not a base64 digit.");
    bits = bits << 6 | static_cast<uint32_t>(six);
    // The second, third and fourth of each four digits complete a byte.
    if (at % 4 != 0)
      bytes.push_back(static_cast<char>(bits >> (6 - 2 * (at % 4)) & 0xFF));
  }
  return bytes;
}

/// SentencePiece's map from short strings to their normalised forms: the size of the trie, the trie, and the
/// zero-terminated results. The trie is a double array (Aoe 1989) in the layout of Darts-clone: the child of a
/// node for a byte is at offset ^ byte.
class CharacterMap {
public:
  CharacterMap(const Field& field, const std::string& bytes) {
    const uint64_t length = bytes.size() < 4 ? 0 : uint32_at(bytes, 0);
    if (length == 0 || length % 4 != 0 || length > bytes.size() - 4)
      field.fail("declares a trie of " + std::to_string(length) + " bytes, but " +
                 std::to_string(bytes.size() < 4 ? 0 : bytes.size() - 4) +
                 " follow and the size must be a multiple of four; the file may have been cut off.");
    for (size_t at = 4; at < 4 + length; at += 4)
      units_.push_back(uint32_at(bytes, at));
    results_ = bytes.substr(4 + length);
    if (valid_utf8(results_) != results_)
      field.fail("has results that are not valid UTF-8.");
    for (size_t node = 0; node < units_.size(); ++node)
      if (!is_leaf(units_[node]) && has_leaf(units_[node]))
        check_leaf(field, node ^ offset(units_[node]));
  }

  /// The normalised form of the shortest prefix of `text` in the map.
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
  static uint32_t uint32_at(const std::string& bytes, size_t at) {
    uint32_t word = 0;
    for (size_t byte = 0; byte < 4; ++byte)
      word |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + byte])) << 8 * byte;
    return word;
  }

  // A unit has its label in bits 0 to 7, whether a string ends here in bit 8, and the offset in bits 10 to 30,
  // shifted left by 8 if bit 9 is set. A leaf has bit 31 set and the value in bits 0 to 30.
  static bool is_leaf(uint32_t unit) { return (unit & 1u << 31) != 0; }
  static uint32_t label(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
  static bool has_leaf(uint32_t unit) { return (unit & 1u << 8) != 0; }
  static size_t offset(uint32_t unit) { return static_cast<size_t>(unit >> 10) << ((unit & 1u << 9) >> 6); }
  static size_t value(uint32_t unit) { return unit & ~(1u << 31); }

  /// A value must be the offset of a character in the results.
  void check_leaf(const Field& field, size_t leaf) const {
    if (leaf >= units_.size())
      field.fail("has a trie of " + std::to_string(units_.size()) + " units that refers to unit " +
                 std::to_string(leaf) + ".");
    const size_t begin = value(units_[leaf]);
    if (begin >= results_.size() || (results_[begin] & 0xC0) == 0x80)
      field.fail("refers to byte " + std::to_string(begin) + " of " + std::to_string(results_.size()) +
                 " bytes of results, where no result starts.");
  }

  std::vector<uint32_t> units_;
  std::string results_;
};

/// Like the `tokenizers` package: a short grapheme cluster is replaced by the normalised form of its shortest
/// prefix in the map; longer clusters, and those without such a prefix, are normalised character by character.
class Precompiled final : public Normalizer {
public:
  explicit Precompiled(const Field& field) : map_(field, decode_base64(field)) {
    for (size_t byte = 0; byte < 128; ++byte)
      unchanged_[byte] = !map_.find(std::string(1, static_cast<char>(byte)));
    unchanged_['\r'] = unchanged_['\r'] && !map_.find("\r\n");
  }

  void apply(AlignedText& aligned) const override {
    const std::string_view text = aligned.text();
    std::optional<Rewriter> rewriter; // empty while nothing has changed
    uint32_t written = 0;             // end of the text already written
    // The first remaining character takes over the offsets of text dropped before it, so that later steps
    // recognise the beginning of the text.
    const auto keep = [&](uint32_t end) {
      if (rewriter->size() == 0 && written > 0 && written < end) {
        const auto next = written + static_cast<uint32_t>(utf8_length(text[written]));
        rewriter->put(text.substr(written, next - written), {0, next});
        written = next;
      }
      rewriter->keep({written, end});
    };
    const auto put = [&](std::string_view result, size_t begin, size_t end) {
      if (!rewriter)
        rewriter.emplace(aligned);
      keep(static_cast<uint32_t>(begin));
      const size_t from = rewriter->size() == 0 ? 0 : begin;
      rewriter->put(result, {static_cast<uint32_t>(from), static_cast<uint32_t>(end)});
      written = static_cast<uint32_t>(end);
    };
    for (size_t at = 0; at < text.size();) {
      if (unchanged(text[at]) && (at + 1 == text.size() || unchanged(text[at + 1]))) {
        ++at;
        continue;
      }
      const size_t end = grapheme_end(text, at);
      const auto whole = end - at <= max_cluster_bytes ? map_.find(text.substr(at, end - at)) : std::nullopt;
      if (whole)
        put(*whole, at, end);
      for (size_t next = at; !whole && at < end; at = next) {
        next += utf8_length(text[at]);
        if (const auto result = map_.find(text.substr(at, next - at)))
          put(*result, at, next);
      }
      at = end;
    }
    if (!rewriter)
      return;
    keep(aligned.size());
    aligned = rewriter->finish();
  }

private:
  static constexpr size_t max_cluster_bytes = 5; // bytes

  bool unchanged(char byte) const {
    return static_cast<unsigned char>(byte) < 128 && unchanged_[static_cast<unsigned char>(byte)];
  }

  CharacterMap map_;
  std::array<bool, 128> unchanged_{}; // ASCII characters that are not changed
};

} // namespace

std::unique_ptr<const Normalizer> make_precompiled(const Field& settings) {
  return std::make_unique<Precompiled>(settings.at("precompiled_charsmap"));
}

} // namespace cuecard::tokenizer
