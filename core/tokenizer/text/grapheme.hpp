/// Extended grapheme clusters (user-perceived characters).
#pragma once

#include <cstddef>
#include <string_view>

namespace cuecard::tokenizer {

/// The end of the cluster that starts at `at` (< text.size()) of valid UTF-8 (UAX #29, rules GB3 to GB13, with
/// the character properties of ICU).
size_t grapheme_end(std::string_view text, size_t at);

} // namespace cuecard::tokenizer
