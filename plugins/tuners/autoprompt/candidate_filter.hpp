/// Which tokens may fill a trigger slot.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// Whether a token's text begins with a capital letter; leading spaces are ignored.
bool capitalised(std::string_view text);

/// Ids below `num_rows` that a trigger may take, ascending. The vocabulary must map a token's spelling back to
/// it, since the card stores the template's text. `filter` also excludes `answers`, special tokens and tokens
/// that begin with a capital letter (AutoPrompt's filter against memorised answers and proper nouns).
std::vector<int64_t> allowed_tokens(const Vocabulary& vocabulary, int64_t num_rows, bool filter,
                                    const std::vector<int64_t>& answers);

} // namespace cuecard
