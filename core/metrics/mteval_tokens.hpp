/// Words and marks of a text, as mteval-v13a cuts them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cuecard {

/// Marks stand alone; a full stop or comma does but between digits, a hyphen does behind a digit. The four
/// XML entities that mteval knows become their characters.
std::vector<std::string> mteval_tokens(std::string_view text);

} // namespace cuecard
