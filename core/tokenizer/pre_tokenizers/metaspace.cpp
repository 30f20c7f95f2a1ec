#include "tokenizer/pre_tokenizers/pre_tokenizer.hpp"

namespace cuecard::tokenizer {
namespace {

/// Replaces spaces with a visible character (U+2581), with which words then start, as in SentencePiece.
class Metaspace final : public PreTokenizer {
public:
  explicit Metaspace(const Field& settings)
      : replacement_(settings.find("replacement") ? settings.at("replacement").character() : "\u2581"),
        split_(settings.flag("split", true)) {
    const std::string old_scheme = settings.flag("add_prefix_space", true) ? "always" : "never";
    const std::string scheme = settings.string("prepend_scheme", old_scheme);
    if (scheme != "always" && scheme != "first" && scheme != "never")
      settings.at("prepend_scheme").fail_unknown(scheme, {"always", "first", "never"});
    prepend_ = scheme != "never";
    first_only_ = scheme == "first";
  }

  void apply(Words& words) const override {
    replace_spaces(words);
    if (prepend_)
      prepend(words, replacement_, [&](Span word) {
        const bool has_prefix = slice(words.text.text(), word).substr(0, replacement_.size()) == replacement_;
        return !has_prefix && (!first_only_ || words.text.origin(word).begin == 0);
      });
    if (split_)
      split(words);
  }

private:
  void replace_spaces(Words& words) const {
    if (words.text.text().find(' ') == std::string::npos)
      return;
    Rewriter rewriter(words.text);
    for (Span& word : words.spans) {
      const uint32_t begin = rewriter.size();
      for (uint32_t at = word.begin; at < word.end; ++at)
        if (words.text.text()[at] == ' ')
          rewriter.put(replacement_, {at, at + 1});
        else
          rewriter.keep({at, at + 1});
      word = {begin, rewriter.size()};
    }
    words.text = rewriter.finish();
  }

  /// Splits before each replacement character.
  void split(Words& words) const {
    std::vector<Span> pieces;
    for (const Span word : words.spans) {
      const std::string_view text = std::string_view(words.text.text()).substr(0, word.end);
      for (uint32_t at = word.begin; at < word.end;) {
        const size_t next = text.find(replacement_, at + 1);
        const uint32_t end = next == std::string_view::npos ? word.end : static_cast<uint32_t>(next);
        pieces.push_back({at, end});
        at = end;
      }
    }
    words.spans = std::move(pieces);
  }

  std::string replacement_;
  bool split_, prepend_ = true, first_only_ = false;
};

} // namespace

std::unique_ptr<const PreTokenizer> make_metaspace(const Field& settings) {
  return std::make_unique<Metaspace>(settings);
}

} // namespace cuecard::tokenizer
