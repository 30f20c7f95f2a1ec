#include <array>

#include "tokenizer/normalizers/normalizer.hpp"
#include "tokenizer/normalizers/remove_characters.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

/// Cleans the text, puts spaces around Chinese characters, strips accents, lowercases; each is optional.
class BertNormalizer final : public Normalizer {
public:
  explicit BertNormalizer(const Field& settings)
      : clean_text_(settings.flag("clean_text", true)),
        handle_chinese_chars_(settings.flag("handle_chinese_chars", true)),
        lowercase_(settings.flag("lowercase", true)),
        strip_accents_(settings.flag("strip_accents", lowercase_)) {
    for (size_t byte = 0; byte < ascii_.size(); ++byte) {
      const bool upper = byte >= 'A' && byte <= 'Z';
      const auto character = static_cast<char32_t>(byte);
      ascii_[byte] = clean_text_ && is_removed(character) ? '\0'
                     : clean_text_ && is_space(character) ? ' '
                     : lowercase_ && upper                ? static_cast<char>(byte + 0x20)
                                                          : static_cast<char>(byte);
    }
  }

  void apply(AlignedText& text) const override {
    if (apply_ascii(text))
      return;
    if (clean_text_ || handle_chinese_chars_)
      clean(text);
    if (strip_accents_) {
      apply_form(Form::nfd, text);
      remove_characters(text, is_accent);
    }
    if (lowercase_)
      apply_lowercase(text);
  }

private:
  static bool is_removed(char32_t character) {
    if (character == '\t' || character == '\n' || character == '\r')
      return false;
    return character == 0xFFFD || is_control(character);
  }

  /// Fast path: in place for ASCII text without characters to remove. Returns false for other text.
  bool apply_ascii(AlignedText& text) const {
    for (const char byte : text.text())
      if (static_cast<unsigned char>(byte) >= ascii_.size() || ascii_[static_cast<unsigned char>(byte)] == '\0')
        return false;
    for (char& byte : text.bytes())
      byte = ascii_[static_cast<unsigned char>(byte)];
    return true;
  }

  void clean(AlignedText& aligned) const {
    const std::string& text = aligned.text();
    Rewriter rewriter(aligned);
    for (size_t at = 0; at < text.size();) {
      const auto begin = static_cast<uint32_t>(at);
      const char32_t character = next_char(text, at);
      const Span span{begin, static_cast<uint32_t>(at)};
      if (clean_text_ && is_removed(character))
        continue;
      if (clean_text_ && is_space(character)) {
        rewriter.put(U' ', span);
      } else if (handle_chinese_chars_ && is_chinese_char(character)) {
        rewriter.put(U' ', {begin, begin});
        rewriter.keep(span);
        rewriter.put(U' ', {span.end, span.end});
      } else {
        rewriter.keep(span);
      }
    }
    aligned = rewriter.finish();
  }

  bool clean_text_, handle_chinese_chars_, lowercase_, strip_accents_;
  std::array<char, 128> ascii_; // result for each ASCII character; 0: removed
};

} // namespace

std::unique_ptr<const Normalizer> make_bert_normalizer(const Field& settings) {
  return std::make_unique<BertNormalizer>(settings);
}

} // namespace cuecard::tokenizer
