/// The text of `card.json`.
#pragma once

#include <string>
#include <string_view>

#include "card/card.hpp"

namespace cuecard {

/// Indented by 2. It ends with the closing brace and no line end, so that a text cut anywhere is not whole.
std::string card_text(const Card& card, const std::string& tensors_sha256);

/// A card without tensors, and what its tensors' file must hash to. Throws DataError: origin, field, what was
/// found, what was expected.
Card parse_card(std::string_view text, const std::string& origin, std::string& tensors_sha256);

} // namespace cuecard
