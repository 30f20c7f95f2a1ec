/// Pre-tokenizers split text into words, which the model tokenizes one by one.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/files/field.hpp"
#include "tokenizer/text/aligned_text.hpp"
#include "tokenizer/text/pattern.hpp"

namespace cuecard::tokenizer {

/// Text and its words, in order; text between them is dropped. No word is empty.
struct Words {
  AlignedText text;
  std::vector<Span> spans;
};

/// Immutable; may be used from any thread.
class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Splits each word into smaller ones; some pre-tokenizers also change the text.
  virtual void apply(Words& words) const = 0;
};

/// Reads the `pre_tokenizer` of a tokenizer.json. `encode_bytes`: whether a byte-level step converts text to
/// its alphabet or leaves that to the model, which is faster but only possible if it is the last step. Throws
/// DataError for an unsupported one.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Field& settings, bool encode_bytes);

/// Whether the last step is byte-level.
bool ends_with_byte_level(const Field& settings);

std::unique_ptr<const PreTokenizer> make_byte_level(const Field& settings, bool encode_bytes);
std::unique_ptr<const PreTokenizer> make_metaspace(const Field& settings);
std::unique_ptr<const PreTokenizer> make_unicode_scripts();
std::unique_ptr<const PreTokenizer> make_fixed_length(const Field& settings);

/// What happens to the delimiters when a word is split (SplitDelimiterBehavior).
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
Behavior read_behavior(const Field& settings, Behavior fallback);

/// A delimiter (`matched`) or the text between delimiters; segments cover the word without gaps.
struct Segment {
  Span span;
  bool matched = false;
};

/// Appends the words that result from splitting at the matched segments.
void append_splits(const std::vector<Segment>& segments, Behavior behavior, std::vector<Span>& to);

/// Prepends `prefix` to each word for which `condition(word)` is true.
template <typename Wanted>
void prepend(Words& words, std::string_view prefix, Wanted condition) {
  bool any = false;
  for (const Span word : words.spans)
    any = any || condition(word);
  if (!any)
    return;
  Rewriter rewriter(words.text);
  for (Span& word : words.spans) {
    const uint32_t begin = rewriter.size();
    if (condition(word))
      rewriter.put(prefix, {word.begin, word.begin});
    rewriter.keep(word);
    word = {begin, rewriter.size()};
  }
  words.text = rewriter.finish();
}

} // namespace cuecard::tokenizer
