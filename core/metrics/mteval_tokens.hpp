/// mteval-v13a tokenization, sacreBLEU's default `13a` tokenizer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cuecard {

/// Splits at blanks, and splits off punctuation: a period or comma unless between digits, a hyphen only after a digit. Decodes the
/// four XML entities that mteval supports.
std::vector<std::string> mteval_tokens(std::string_view text);

} // namespace cuecard
