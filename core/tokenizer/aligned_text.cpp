#include "tokenizer/aligned_text.hpp"

#include <limits>

#include <cuecard/error.hpp>

#include "tokenizer/unicode.hpp"

namespace cuecard::tokenizer {

Span AlignedText::origin(Span span) const {
  if (origin_.empty())
    return {base_ + span.begin, base_ + span.end};
  if (span.empty()) {
    const uint32_t at = span.begin < origin_.size() ? origin_[span.begin].begin : origin_.back().end;
    return {at, at};
  }
  return {origin_[span.begin].begin, origin_[span.end - 1].end};
}

AlignedText AlignedText::part(Span span) const {
  AlignedText part(slice(text_, span), base_ + span.begin);
  if (!origin_.empty())
    part.origin_.assign(origin_.begin() + span.begin, origin_.begin() + span.end);
  return part;
}

void Rewriter::keep(Span span) {
  to_.text_.append(from_.text_, span.begin, span.end - span.begin);
  for (uint32_t at = span.begin; at < span.end; ++at) {
    // Whole characters keep whole origins, so that a token that ends inside one still covers it.
    to_.origin_.push_back(from_.origin({at, at + 1}));
  }
}

void Rewriter::put(std::string_view text, Span source) {
  to_.text_.append(text);
  to_.origin_.insert(to_.origin_.end(), text.size(), from_.origin(source));
}

void Rewriter::put(char32_t character, Span source) {
  const size_t before = to_.text_.size();
  append_utf8(to_.text_, character);
  to_.origin_.insert(to_.origin_.end(), to_.text_.size() - before, from_.origin(source));
}

AlignedText read_utf8(std::string_view given) {
  if (given.size() >= std::numeric_limits<uint32_t>::max())
    throw DataError("A text of " + std::to_string(given.size()) +
                    " bytes is too long to tokenize: at most 4294967294 bytes are taken, so give it in parts.");
  AlignedText text(given, 0);
  if (is_ascii(given))
    return text;
  size_t at = 0;
  Decoded decoded{0, true};
  for (; at < given.size() && decoded.valid; at += decoded.valid ? decoded.length : 0)
    decoded = decode_at(given, at);
  if (decoded.valid)
    return text;
  Rewriter valid(text);
  valid.keep({0, static_cast<uint32_t>(at)});
  for (; at < given.size(); at += decoded.length) {
    decoded = decode_at(given, at);
    const Span source{static_cast<uint32_t>(at), static_cast<uint32_t>(at + decoded.length)};
    if (decoded.valid)
      valid.keep(source);
    else
      valid.put(char32_t{0xFFFD}, source);
  }
  return valid.finish();
}

} // namespace cuecard::tokenizer
