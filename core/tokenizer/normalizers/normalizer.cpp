#include "tokenizer/normalizers/normalizer.hpp"

#include <algorithm>

#include "tokenizer/normalizers/remove_characters.hpp"
#include "tokenizer/text/byte_level.hpp"
#include "tokenizer/text/pattern.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

class Sequence final : public Normalizer {
public:
  explicit Sequence(const Field& settings) {
    for (const Field& step : settings.at("normalizers").items())
      steps_.push_back(make_normalizer(step));
  }

  void apply(AlignedText& text) const override {
    for (const auto& step : steps_)
      step->apply(text);
  }

private:
  std::vector<std::unique_ptr<const Normalizer>> steps_;
};

class NormalizationForm final : public Normalizer {
public:
  explicit NormalizationForm(Form form) : form_(form) {}
  void apply(AlignedText& text) const override { apply_form(form_, text); }

private:
  Form form_;
};

class Lowercase final : public Normalizer {
public:
  void apply(AlignedText& text) const override { apply_lowercase(text); }
};

class StripAccents final : public Normalizer {
public:
  void apply(AlignedText& aligned) const override {
    if (!is_ascii(aligned.text()))
      remove_characters(aligned, is_mark);
  }
};

/// Strips whitespace from the ends.
class Strip final : public Normalizer {
public:
  explicit Strip(const Field& settings)
      : left_(settings.flag("strip_left", true)), right_(settings.flag("strip_right", true)) {}

  void apply(AlignedText& text) const override {
    Span kept{0, text.size()};
    for (size_t at = 0; left_ && at < kept.end && is_space(next_char(text.text(), at));)
      kept.begin = static_cast<uint32_t>(at);
    while (right_ && kept.end > kept.begin && is_space(char_before(text.text(), kept.end)))
      do
        --kept.end;
      while ((static_cast<unsigned char>(text.text()[kept.end]) & 0xC0) == 0x80);
    if (kept.end - kept.begin < text.size())
      text = text.part(kept);
  }

private:
  bool left_, right_;
};

class Replace final : public Normalizer {
public:
  explicit Replace(const Field& settings)
      : pattern_(make_pattern(settings.at("pattern"))), content_(settings.at("content").string()) {}

  void apply(AlignedText& text) const override {
    if (text.text().empty()) // even where the pattern matches nothing
      return;
    std::vector<Span> found;
    pattern_->find_all(text.text(), found);
    if (found.empty())
      return;
    Rewriter rewriter(text);
    uint32_t at = 0;
    for (const Span match : found) {
      rewriter.keep({at, match.begin});
      rewriter.put(content_, match);
      at = match.end;
    }
    rewriter.keep({at, text.size()});
    text = rewriter.finish();
  }

private:
  std::unique_ptr<const Pattern> pattern_;
  std::string content_;
};

/// The rules of SentencePiece's "nmt" that are no Unicode normalisation: drops control characters, and makes
/// spaces of invisible characters.
class Nmt final : public Normalizer {
public:
  void apply(AlignedText& aligned) const override {
    const std::string& text = aligned.text();
    Rewriter rewriter(aligned);
    for (size_t at = 0; at < text.size();) {
      const auto begin = static_cast<uint32_t>(at);
      const char32_t character = next_char(text, at);
      const Span span{begin, static_cast<uint32_t>(at)};
      if (becomes_space(character))
        rewriter.put(" ", span);
      else if (!is_dropped(character))
        rewriter.keep(span);
    }
    aligned = rewriter.finish();
  }

private:
  static bool is_dropped(char32_t character) {
    return (character >= 1 && character <= 8) || character == 0xB || (character >= 0xE && character <= 0x1F) ||
           character == 0x7F || character == 0x8F || character == 0x9F;
  }
  static bool becomes_space(char32_t character) {
    return character == '\t' || character == '\n' || character == '\f' || character == '\r' ||
           character == 0x1680 || (character >= 0x200B && character <= 0x200F) || character == 0x2028 ||
           character == 0x2029 || character == 0x2581 || character == 0xFEFF || character == 0xFFFD;
  }
};

/// Writes bytes as characters of the byte-level alphabet.
class ByteLevel final : public Normalizer {
public:
  void apply(AlignedText& text) const override {
    Rewriter rewriter(text);
    for (uint32_t at = 0; at < text.size(); ++at)
      rewriter.put(byte_level_alphabet()[static_cast<unsigned char>(text.text()[at])], {at, at + 1});
    text = rewriter.finish();
  }
};

class Prepend final : public Normalizer {
public:
  explicit Prepend(const Field& settings) : prefix_(settings.at("prepend").string()) {}

  void apply(AlignedText& text) const override {
    if (text.text().empty())
      return;
    Rewriter rewriter(text);
    rewriter.put(prefix_, {0, 0});
    rewriter.keep({0, text.size()});
    text = rewriter.finish();
  }

private:
  std::string prefix_;
};

} // namespace

void apply_lowercase(AlignedText& aligned) {
  if (is_ascii(aligned.text())) {
    for (char& byte : aligned.bytes())
      byte = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 0x20) : byte;
    return;
  }
  const std::string& text = aligned.text();
  Rewriter rewriter(aligned);
  std::string lower;
  for (size_t at = 0; at < text.size();) {
    const auto begin = static_cast<uint32_t>(at);
    const char32_t character = next_char(text, at);
    lower.clear();
    append_lower(lower, character);
    rewriter.put(lower, {begin, static_cast<uint32_t>(at)});
  }
  aligned = rewriter.finish();
}

namespace {

/// The package doesn't look at the type of these where their keys are there.
std::string normalizer_type(const Field& settings) {
  static const std::vector<std::string> known = {
      "BertNormalizer", "Sequence", "NFC",     "NFD",     "NFKC",        "NFKD", "Lowercase",
      "StripAccents",   "Strip",    "Replace", "Prepend", "Precompiled", "Nmt",  "ByteLevel"};
  const std::string type = settings.string("type", "");
  if (std::find(known.begin(), known.end(), type) != known.end())
    return type;
  if (settings.has({"clean_text", "handle_chinese_chars", "lowercase"}))
    return "BertNormalizer";
  if (settings.has({"strip_left", "strip_right"}))
    return "Strip";
  if (settings.has({"normalizers"}))
    return "Sequence";
  if (settings.has({"precompiled_charsmap"}))
    return "Precompiled";
  if (settings.has({"pattern", "content"}))
    return "Replace";
  if (settings.has({"prepend"}))
    return "Prepend";
  settings.at("type").fail_unknown(type, known);
}

} // namespace

std::unique_ptr<const Normalizer> make_normalizer(const Field& settings) {
  const std::string type = normalizer_type(settings);
  if (type == "BertNormalizer")
    return make_bert_normalizer(settings);
  if (type == "Sequence")
    return std::make_unique<Sequence>(settings);
  if (type == "NFC")
    return std::make_unique<NormalizationForm>(Form::nfc);
  if (type == "NFD")
    return std::make_unique<NormalizationForm>(Form::nfd);
  if (type == "NFKC")
    return std::make_unique<NormalizationForm>(Form::nfkc);
  if (type == "NFKD")
    return std::make_unique<NormalizationForm>(Form::nfkd);
  if (type == "Lowercase")
    return std::make_unique<Lowercase>();
  if (type == "StripAccents")
    return std::make_unique<StripAccents>();
  if (type == "Strip")
    return std::make_unique<Strip>(settings);
  if (type == "Replace")
    return std::make_unique<Replace>(settings);
  if (type == "Prepend")
    return std::make_unique<Prepend>(settings);
  if (type == "Nmt")
    return std::make_unique<Nmt>();
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>();
  return make_precompiled(settings);
}

} // namespace cuecard::tokenizer
