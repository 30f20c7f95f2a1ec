#include "peft/name_pattern.hpp"

#include <utility>

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <cuecard/error.hpp>

namespace cuecard::peft {

namespace {

constexpr std::size_t most_characters = 1024;
constexpr int32_t time_limit =
    300; // in units of ICU's setTimeLimit; a processor does about a thousand per second

/// Python writes `(?P<name>...)` for a named group, ICU `(?<name>...)`.
std::string with_groups_of_icu(std::string pattern) {
  for (std::size_t at = 0; (at = pattern.find("(?P<", at)) != std::string::npos; ++at)
    pattern.erase(at + 2, 1);
  return pattern;
}

icu::UnicodeString unicode(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

} // namespace

struct NamePattern::Compiled {
  std::unique_ptr<const icu::RegexPattern> pattern;
};

std::optional<NamePattern> NamePattern::parse(std::string_view pattern) {
  if (pattern.size() > most_characters)
    return std::nullopt;
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  auto compiled = std::make_shared<Compiled>();
  compiled->pattern.reset(icu::RegexPattern::compile(unicode(with_groups_of_icu(std::string(pattern))),
                                                     UREGEX_UNIX_LINES, where, status));
  if (U_FAILURE(status))
    return std::nullopt;
  return NamePattern(std::string(pattern), std::move(compiled));
}

bool NamePattern::matches(std::string_view name) const {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString text = unicode(name); // the matcher refers to it
  const std::unique_ptr<icu::RegexMatcher> matcher(compiled_->pattern->matcher(text, status));
  bool matched = false;
  if (U_SUCCESS(status)) {
    matcher->setTimeLimit(time_limit, status);
    matched = matcher->matches(status);
  }
  if (U_FAILURE(status))
    throw DataError("the adapter's regular expression \"" + text_.substr(0, 120) +
                    "\" could not be matched against the module \"" + std::string(name.substr(0, 120)) +
                    "\" (" + u_errorName(status) + "); simplify the expression.");
  return matched;
}

bool ends_at_dot(std::string_view name, std::string_view end) {
  return name.size() > end.size() && name.ends_with(end) && name[name.size() - end.size() - 1] == '.';
}

bool matches_pattern_key(std::string_view key, std::string_view module) {
  const auto pattern = NamePattern::parse(R"((.*\.)?()" + std::string(key) + ")");
  return pattern && pattern->matches(module);
}

} // namespace cuecard::peft
