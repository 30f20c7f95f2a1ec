/// Text on its way through the tokenizer, with where every byte of it came from.
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

/// Valid UTF-8, and for each byte the span of the given text that it stands for. While nothing has moved, which
/// is the rule, no table is kept.
class AlignedText {
public:
  AlignedText() = default;
  /// Byte i of `text` came from byte `base + i`. `text` must be valid UTF-8.
  AlignedText(std::string_view text, uint32_t base) : text_(text), base_(base), most_(most_of(text.size())) {}

  const std::string& text() const { return text_; }
  /// For edits that change no length.
  std::string& bytes() { return text_; }
  uint32_t size() const { return static_cast<uint32_t>(text_.size()); }

  /// The span of the given text from which `span` of this text came, widened to whole characters of this text.
  Span origin(Span span) const;
  AlignedText part(Span span) const;

private:
  friend class Rewriter;
  friend AlignedText read_utf8(std::string_view given);
  /// Bytes that the steps of a tokenizer may make of `given` bytes: Unicode's own normal forms make 18 of one
  /// at most, and steps that replace replacements any number.
  static uint32_t most_of(size_t given);

  std::string text_;
  uint32_t base_ = 0;
  uint32_t most_ = 0;        // bytes that `text_` may grow to
  std::vector<Span> origin_; // per byte; empty: byte i came from byte base_ + i
};

/// Writes a text anew from an old one. Throws DataError when it grows beyond measure.
class Rewriter {
public:
  explicit Rewriter(const AlignedText& from) : from_(from) { to_.most_ = from.most_; }
  /// `span` of the old text as it is.
  void keep(Span span);
  /// `text` in the place of `source` of the old text, which may be empty (an insertion).
  void put(std::string_view text, Span source);
  void put(char32_t character, Span source);
  uint32_t size() const { return to_.size(); }
  AlignedText finish() { return std::move(to_); }

private:
  void make_room(size_t bytes) const;

  const AlignedText& from_;
  AlignedText to_;
};

/// `given` as valid UTF-8, broken parts replaced by U+FFFD. Throws DataError beyond 4 GiB.
AlignedText read_utf8(std::string_view given);

} // namespace cuecard::tokenizer
