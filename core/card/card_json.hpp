/// The text of `card.json`.
#pragma once

#include <string>
#include <string_view>

#include "card/card.hpp"

namespace cuecard {

/// Indented by 2. It ends with the closing brace and without a line end, so that any truncated text is invalid.
std::string card_text(const Card& card, const std::string& tensors_sha256);

/// A card without tensors; sets `tensors_sha256` to the hash that its tensor file must have. Throws DataError
/// that says origin, field, what was found and what was expected.
Card parse_card(std::string_view text, const std::string& origin, std::string& tensors_sha256);

} // namespace cuecard
