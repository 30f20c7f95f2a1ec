/// The step that cuts text into words, inside which the model works.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/aligned_text.hpp"
#include "tokenizer/field.hpp"
#include "tokenizer/pattern.hpp"

namespace cuecard::tokenizer {

/// Text and its words, in order; what lies between them is dropped. No word is empty.
struct Words {
  AlignedText text;
  std::vector<Span> spans;
};

/// Immutable; may be used from any thread.
class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Cuts each word into smaller ones; some also change the text.
  virtual void apply(Words& words) const = 0;
};

/// Reads the `pre_tokenizer` of a tokenizer.json. `spell_bytes`: whether a byte-level step writes the text in
/// its alphabet, or leaves that to the model, which is faster and possible only when nothing comes after it.
/// Throws DataError for one that is not supported.
std::unique_ptr<const PreTokenizer> make_pre_tokenizer(const Field& settings, bool spell_bytes);

/// Whether the last step is byte-level.
bool ends_byte_level(const Field& settings);

std::unique_ptr<const PreTokenizer> make_byte_level(const Field& settings, bool spell_bytes);
std::unique_ptr<const PreTokenizer> make_metaspace(const Field& settings);

/// What becomes of the matches when a word is cut at them.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
Behavior read_behavior(const Field& settings, Behavior otherwise);

/// A stretch of a word; stretches cover it.
struct Stretch {
  Span span;
  bool matched = false;
};

/// Appends the words that `stretches` make.
void cut(const std::vector<Stretch>& stretches, Behavior behavior, std::vector<Span>& to);

/// Writes `prefix` in front of each word for which `wanted(word)`.
template <typename Wanted>
void put_in_front(Words& words, std::string_view prefix, Wanted wanted) {
  bool any = false;
  for (const Span word : words.spans)
    any = any || wanted(word);
  if (!any)
    return;
  Rewriter rewriter(words.text);
  for (Span& word : words.spans) {
    const uint32_t begin = rewriter.size();
    if (wanted(word))
      rewriter.put(prefix, {word.begin, word.begin});
    rewriter.keep(word);
    word = {begin, rewriter.size()};
  }
  words.text = rewriter.finish();
}

} // namespace cuecard::tokenizer
