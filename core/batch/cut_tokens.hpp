/// Counts the tokens that truncation removes from prompts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace cuecard {

/// Tokens that one prompt, or one example, lost.
struct CutTokens {
  /// Per template field, only fields that lost tokens; "": shortenable text outside of fields.
  std::map<std::string, int64_t> by_field;
  int64_t limit = 0; ///< the length it was cut to, if it was cut

  bool operator==(const CutTokens&) const = default;

  int64_t total() const {
    int64_t sum = 0;
    for (const auto& [field, tokens] : by_field)
      sum += tokens;
    return sum;
  }

  /// For an example with several prompts: the maximum over its prompts, which share most of their text.
  void take_most(const CutTokens& prompt) {
    for (const auto& [field, tokens] : prompt.by_field)
      by_field[field] = std::max(by_field[field], tokens);
    limit = std::max(limit, prompt.limit);
  }
};

/// How many examples truncation shortened, and what they lost.
struct CutExamples {
  int64_t examples = 0; ///< examined
  int64_t cut = 0;      ///< of them, those that lost tokens
  CutTokens lost;       ///< by all of them; `limit` is the largest
  int64_t least_limit = 0;

  bool operator==(const CutExamples&) const = default;

  void add(const CutTokens& example) {
    ++examples;
    if (example.by_field.empty())
      return;
    least_limit = cut == 0 ? example.limit : std::min(least_limit, example.limit);
    ++cut;
    for (const auto& [field, tokens] : example.by_field)
      lost.by_field[field] += tokens;
    lost.limit = std::max(lost.limit, example.limit);
  }
};

} // namespace cuecard
