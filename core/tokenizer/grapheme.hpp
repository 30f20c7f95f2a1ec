/// What a reader takes for one character: extended grapheme clusters.
#pragma once

#include <cstddef>
#include <string_view>

namespace cuecard::tokenizer {

/// The end of the cluster that starts at `at` (< text.size()) of valid UTF-8 (UAX #29, rules GB3 to GB13, with
/// the properties of ICU's Unicode).
size_t grapheme_end(std::string_view text, size_t at);

} // namespace cuecard::tokenizer
