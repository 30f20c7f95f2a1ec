#include "tokenizer/pre_tokenizers/pre_tokenizer.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

/// Splits where the script changes. Characters without one belong to what is before them, and are dropped at the
/// beginning, as in the tokenizers package.
class UnicodeScripts final : public PreTokenizer {
public:
  void apply(Words& words) const override {
    std::vector<Span> pieces;
    for (const Span word : words.spans) {
      std::optional<int> last;
      for (size_t at = word.begin; at < word.end;) {
        const auto begin = static_cast<uint32_t>(at);
        const auto script = script_of(next_char(words.text.text(), at));
        if (script && script != last)
          pieces.push_back({begin, word.end});
        else if (!last)
          continue;
        pieces.back().end = static_cast<uint32_t>(at);
        last = script ? script : last;
      }
    }
    words.spans = std::move(pieces);
  }
};

/// Words of `length` characters; the last one may be shorter.
class FixedLength final : public PreTokenizer {
public:
  explicit FixedLength(const Field& settings) : length_(settings.integer("length", 5, 1, INT64_MAX)) {}

  void apply(Words& words) const override {
    std::vector<Span> pieces;
    for (const Span word : words.spans) {
      int64_t count = 0;
      for (size_t at = word.begin; at < word.end; ++count) {
        const auto begin = static_cast<uint32_t>(at);
        next_char(words.text.text(), at);
        if (count % length_ == 0)
          pieces.push_back({begin, begin});
        pieces.back().end = static_cast<uint32_t>(at);
      }
    }
    words.spans = std::move(pieces);
  }

private:
  int64_t length_;
};

} // namespace

std::unique_ptr<const PreTokenizer> make_unicode_scripts() {
  return std::make_unique<UnicodeScripts>();
}

std::unique_ptr<const PreTokenizer> make_fixed_length(const Field& settings) {
  return std::make_unique<FixedLength>(settings);
}

} // namespace cuecard::tokenizer
