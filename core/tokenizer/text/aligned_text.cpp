#include "tokenizer/text/aligned_text.hpp"

#include <algorithm>
#include <limits>

#include <cuecard/error.hpp>

#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {

Span AlignedText::origin(Span span) const {
  const auto inside_character = [&](uint32_t at) {
    return at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xC0) == 0x80;
  };
  if (!span.empty()) {
    while (inside_character(span.begin))
      --span.begin;
    while (inside_character(span.end))
      ++span.end;
  }
  if (origin_.empty())
    return {base_ + span.begin, base_ + span.end};
  if (!span.empty())
    return {origin_[span.begin].begin, origin_[span.end - 1].end};
  const uint32_t at = span.begin < origin_.size() ? origin_[span.begin].begin : origin_.back().end;
  return {at, at};
}

AlignedText AlignedText::part(Span span) const {
  AlignedText part(slice(text_, span), base_ + span.begin);
  part.max_size_ = max_size_;
  if (!origin_.empty())
    part.origin_.assign(origin_.begin() + span.begin, origin_.begin() + span.end);
  return part;
}

uint32_t AlignedText::max_size_for(size_t original) {
  return static_cast<uint32_t>(
      std::min<uint64_t>(65536 + 64 * uint64_t{original}, std::numeric_limits<uint32_t>::max() - 1));
}

void Rewriter::check_size(size_t bytes) const {
  if (to_.text_.size() + bytes > to_.max_size_)
    throw DataError(
        "the tokenizer produces more than " + std::to_string(to_.max_size_) +
        " bytes from a much shorter text; its file is damaged or malicious, so download the model again.");
}

void Rewriter::keep(Span span) {
  check_size(span.end - span.begin);
  to_.text_.append(from_.text_, span.begin, span.end - span.begin);
  for (uint32_t at = span.begin; at < span.end; ++at)
    to_.origin_.push_back(from_.origin({at, at + 1}));
}

void Rewriter::put(std::string_view text, Span source) {
  check_size(text.size());
  to_.text_.append(text);
  to_.origin_.insert(to_.origin_.end(), text.size(), from_.origin(source));
}

void Rewriter::put(char32_t character, Span source) {
  check_size(4);
  const size_t before = to_.text_.size();
  append_utf8(to_.text_, character);
  to_.origin_.insert(to_.origin_.end(), to_.text_.size() - before, from_.origin(source));
}

AlignedText read_utf8(std::string_view original) {
  if (original.size() >= std::numeric_limits<uint32_t>::max())
    throw DataError("A text of " + std::to_string(original.size()) +
                    " bytes is too long to tokenize; the limit is 4294967294 bytes, so split it into parts.");
  if (is_ascii(original))
    return AlignedText(original, 0);
  bool valid = true;
  for (size_t at = 0; at < original.size() && valid;) {
    const Decoded decoded = decode_at(original, at);
    valid = decoded.valid;
    at += decoded.length;
  }
  if (valid)
    return AlignedText(original, 0);

  AlignedText text;
  text.max_size_ = AlignedText::max_size_for(original.size());
  for (size_t at = 0; at < original.size();) {
    const Decoded decoded = decode_at(original, at);
    if (decoded.valid)
      text.text_.append(original, at, decoded.length);
    else
      append_utf8(text.text_, 0xFFFD);
    const Span source{static_cast<uint32_t>(at), static_cast<uint32_t>(at + decoded.length)};
    text.origin_.resize(text.text_.size(), source);
    at += decoded.length;
  }
  return text;
}

} // namespace cuecard::tokenizer
