/// The values of `position_convention` in a card: what shifts the positions of the text.
#pragma once

namespace cuecard {

inline constexpr const char* all_positions_count = "soft prompts and prefixes count as positions";
inline constexpr const char* prefixes_do_not_count = "prefixes do not count as positions";

} // namespace cuecard
