/// The pattern of a Split or Replace: a string, a regular expression, or one of the built-in split rules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/files/field.hpp"
#include "tokenizer/text/aligned_text.hpp"

namespace cuecard::tokenizer {

/// Immutable; may be used from any thread.
class Pattern {
public:
  virtual ~Pattern() = default;
  /// Appends the matches in `text`, from left to right, none overlapping; matches may be empty.
  virtual void find_all(std::string_view text, std::vector<Span>& to) const = 0;
};

/// Reads `{"String": "..."}` or `{"Regex": "..."}`. Regular expressions are translated from Ruby syntax,
/// which tokenizer.json uses, and run by ICU in multi-line mode. Throws DataError for an invalid expression;
/// find_all throws DataError when matching exceeds a time limit.
std::unique_ptr<const Pattern> make_pattern(const Field& settings);

/// Finds `string`; an empty one matches between all characters and at both ends.
std::unique_ptr<const Pattern> make_literal(const std::string& string);

/// Split rules with handwritten matchers, for speed. Each splits a text into pieces without gaps.
enum class SplitRule { gpt2, llama3, qwen2 };

/// The end of the piece that starts at `at` (< text.size()) of valid UTF-8.
uint32_t piece_end(SplitRule rule, std::string_view text, uint32_t at);

/// The rule as the regular expression used in tokenizer.json files.
const std::string& regex_of(SplitRule rule);

} // namespace cuecard::tokenizer
