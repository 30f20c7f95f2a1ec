#include "tokenizer/text/pattern.hpp"

#include <unicode/regex.h>
#include <unicode/utext.h>

#include <cuecard/error.hpp>

#include "tokenizer/text/regex_syntax.hpp"
#include "tokenizer/text/unicode.hpp"

namespace cuecard::tokenizer {
namespace {

class Literal final : public Pattern {
public:
  explicit Literal(std::string string) : string_(std::move(string)) {}

  void find_all(std::string_view text, std::vector<Span>& to) const override {
    for (size_t at = 0; (at = text.find(string_, at)) != std::string_view::npos; at += string_.size())
      to.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(at + string_.size())});
  }

private:
  std::string string_;
};

class Everywhere final : public Pattern {
public:
  void find_all(std::string_view text, std::vector<Span>& to) const override {
    for (size_t at = 0; at < text.size(); at += utf8_length(text[at]))
      to.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(at)});
    to.push_back({static_cast<uint32_t>(text.size()), static_cast<uint32_t>(text.size())});
  }
};

class BuiltinRule final : public Pattern {
public:
  explicit BuiltinRule(SplitRule rule) : rule_(rule) {}

  void find_all(std::string_view text, std::vector<Span>& to) const override {
    for (uint32_t at = 0, end = 0; at < text.size(); at = end) {
      end = piece_end(rule_, text, at);
      to.push_back({at, end});
    }
  }

private:
  SplitRule rule_;
};

class Regex final : public Pattern {
public:
  Regex(const Field& field, const std::string& regex) : source_(regex) {
    UErrorCode status = U_ZERO_ERROR;
    UParseError where{};
    pattern_.reset(icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(icu_syntax(regex)),
                                              UREGEX_MULTILINE | UREGEX_UNIX_LINES, where, status));
    if (U_FAILURE(status))
      field.fail("is not a valid regular expression (" + std::string(u_errorName(status)) + " at character " +
                 std::to_string(where.offset) + "): " + regex + ".");
  }

  void find_all(std::string_view text, std::vector<Span>& to) const override {
    const size_t before = to.size();
    UErrorCode status = U_ZERO_ERROR;
    UText* input = utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &status);
    const std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(status));
    if (U_SUCCESS(status)) {
      matcher->setTimeLimit(max_steps, status);
      matcher->reset(input);
      while (matcher->find(status) && U_SUCCESS(status)) {
        const Span match{static_cast<uint32_t>(matcher->start64(status)),
                         static_cast<uint32_t>(matcher->end64(status))};
        // As Oniguruma is used: an empty match is dropped where another match ends.
        if (!match.empty() || to.size() == before || to.back().end != match.begin)
          to.push_back(match);
      }
    }
    matcher->reset();
    utext_close(input);
    if (U_FAILURE(status))
      throw DataError("the tokenizer's regular expression " + source_ +
                      " could not be matched against a text of " + std::to_string(text.size()) + " bytes (" +
                      u_errorName(status) + "); shorten the text or simplify the expression.");
  }

private:
  // In units of ICU's setTimeLimit; a CPU does about a thousand per second.
  static constexpr int32_t max_steps = 3000;
  std::string source_;
  std::unique_ptr<const icu::RegexPattern> pattern_;
};

} // namespace

std::unique_ptr<const Pattern> make_literal(const std::string& string) {
  if (string.empty())
    return std::make_unique<Everywhere>();
  return std::make_unique<Literal>(string);
}

std::unique_ptr<const Pattern> make_pattern(const Field& settings) {
  if (const auto string = settings.find("String"))
    return make_literal(string->string());
  const Field field = settings.at("Regex");
  const std::string regex = field.string();
  for (const SplitRule rule : {SplitRule::gpt2, SplitRule::llama3, SplitRule::qwen2})
    if (regex == regex_of(rule))
      return std::make_unique<BuiltinRule>(rule);
  return std::make_unique<Regex>(field, regex);
}

} // namespace cuecard::tokenizer
