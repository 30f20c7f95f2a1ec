/// Which tokens may stand in a trigger slot.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <cuecard/vocabulary.hpp>

namespace cuecard {

/// Whether a token's text begins with a capital letter, a space in front left out.
bool capitalised(std::string_view text);

/// Ids below `rows` that a trigger may take, ascending. Those that the vocabulary can't spell and find again
/// never are, since the card is the template's text. With `filter` also not (AutoPrompt's filter: what a
/// trigger would otherwise memorise are answers and proper nouns): `answers`, special tokens, and tokens that
/// begin with a capital letter.
std::vector<int64_t> allowed_tokens(const Vocabulary& vocabulary, int64_t rows, bool filter,
                                    const std::vector<int64_t>& answers);

} // namespace cuecard
