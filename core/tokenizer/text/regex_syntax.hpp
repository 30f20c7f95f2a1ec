/// Regular expressions of tokenizer.json are in the Ruby syntax of Oniguruma; ICU has its own.
#pragma once

#include <string>

namespace cuecard::tokenizer {

/// `ruby` in ICU's syntax. Classes have the characters that they have in Oniguruma (see unicode.hpp). What Ruby
/// reads in another way is spelled out: `a{2}+` is `(?:a{2})+`, `a{2}?` is `(?:a{2})?`, `(?m)` lets `.` match line
/// ends, `a(?i)b|c` is `a(?i:b|c)`, and a brace that is no quantifier is a character. What ICU lacks is left as it
/// is, for ICU to refuse.
std::string icu_syntax(const std::string& ruby);

} // namespace cuecard::tokenizer
