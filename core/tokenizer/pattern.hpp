/// What a Split or Replace looks for: a string, a regular expression, or one of the well-known split rules.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/aligned_text.hpp"
#include "tokenizer/field.hpp"

namespace cuecard::tokenizer {

/// Immutable; may be used from any thread.
class Pattern {
public:
  virtual ~Pattern() = default;
  /// Appends the matches in `text`, from left to right, none overlapping.
  virtual void find_all(std::string_view text, std::vector<Span>& to) const = 0;
};

/// Reads `{"String": "..."}` or `{"Regex": "..."}`. Regular expressions are ICU's, in the multi-line mode and
/// with the line ends of Ruby's syntax, which tokenizer.json is written in. Throws DataError for one that ICU
/// refuses; find_all throws DataError when matching takes absurdly long.
std::unique_ptr<const Pattern> make_pattern(const Field& settings);

/// The split rules that are matched by hand, for speed. Each cuts a text into pieces without gaps.
enum class SplitRule { gpt2, llama3, qwen2 };

/// The end of the piece that starts at `at` (< text.size()) of valid UTF-8.
uint32_t piece_end(SplitRule rule, std::string_view text, uint32_t at);

/// The rule written as a regular expression, as files spell it.
const std::string& regex_of(SplitRule rule);

} // namespace cuecard::tokenizer
