/// Text that passes through the tokenizer, with the offsets of every byte in the original text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cuecard::tokenizer {

/// Bytes `begin` up to, not including, `end`.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool empty() const { return begin == end; }
};

inline std::string_view slice(std::string_view text, Span span) {
  return text.substr(span.begin, span.end - span.begin);
}

/// Valid UTF-8 and, for each byte, the span of the original text that it came from. No table is stored as long
/// as offsets are unchanged, which is the common case.
class AlignedText {
public:
  AlignedText() = default;
  /// Byte i of `text` came from byte `base + i`. `text` must be valid UTF-8.
  AlignedText(std::string_view text, uint32_t base)
      : text_(text), base_(base), max_size_(max_size_for(text.size())) {}

  const std::string& text() const { return text_; }
  /// For in-place edits that keep the length.
  std::string& bytes() { return text_; }
  uint32_t size() const { return static_cast<uint32_t>(text_.size()); }

  /// The span of the original text for `span` of this text, widened to whole characters of this text.
  Span origin(Span span) const;
  AlignedText part(Span span) const;

private:
  friend class Rewriter;
  friend AlignedText read_utf8(std::string_view original);
  /// Maximum size that normalisation may produce from `original` bytes: Unicode normalisation forms expand a
  /// byte to at most 18, but nested replacements are unbounded.
  static uint32_t max_size_for(size_t original);

  std::string text_;
  uint32_t base_ = 0;
  uint32_t max_size_ = 0;    // bytes
  std::vector<Span> origin_; // per byte; empty if byte i came from byte base_ + i
};

/// Builds a new text from an old one. Throws DataError when it exceeds the maximum size.
class Rewriter {
public:
  explicit Rewriter(const AlignedText& from) : from_(from) { to_.max_size_ = from.max_size_; }
  /// Copies `span` of the old text.
  void keep(Span span);
  /// Writes `text` instead of `source` of the old text; an empty source is an insertion.
  void put(std::string_view text, Span source);
  void put(char32_t character, Span source);
  uint32_t size() const { return to_.size(); }
  AlignedText finish() { return std::move(to_); }

private:
  void check_size(size_t bytes) const;

  const AlignedText& from_;
  AlignedText to_;
};

/// `original` as valid UTF-8, with invalid sequences replaced by U+FFFD. Throws DataError beyond 4 GiB.
AlignedText read_utf8(std::string_view original);

} // namespace cuecard::tokenizer
