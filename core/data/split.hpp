/// A seeded division of rows in which no text stands in two parts.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/example.hpp>

namespace cuecard {

/// Indices of the rows of each part, ascending. `shares` are above 0 and sum to 1 at most; what they leave
/// belongs to no part. Rows whose texts are the same but for blanks and the case of ASCII letters stay
/// together. The order of the texts is drawn with `seed`, then each part takes texts until it has its share of
/// the rows; a part is never empty while there are texts left. Throws UsageError for shares that are out of
/// range.
std::vector<std::vector<std::size_t>> split(const std::vector<Example>& examples,
                                            const std::vector<double>& shares, uint32_t seed);

} // namespace cuecard
