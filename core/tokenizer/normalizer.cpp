#include "tokenizer/normalizer.hpp"

#include "tokenizer/pattern.hpp"
#include "tokenizer/unicode.hpp"

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
    const std::string& text = aligned.text();
    if (is_ascii(text))
      return;
    Rewriter rewriter(aligned);
    for (size_t at = 0; at < text.size();) {
      const auto begin = static_cast<uint32_t>(at);
      if (!is_mark(next_char(text, at)))
        rewriter.keep({begin, static_cast<uint32_t>(at)});
    }
    aligned = rewriter.finish();
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

std::unique_ptr<const Normalizer> make_normalizer(const Field& settings) {
  const std::string type = settings.at("type").string();
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
  if (type == "Precompiled")
    return make_precompiled(settings);
  settings.at("type").fail_unknown(type,
                                   {"BertNormalizer", "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase",
                                    "StripAccents", "Strip", "Replace", "Prepend", "Precompiled"});
}

} // namespace cuecard::tokenizer
