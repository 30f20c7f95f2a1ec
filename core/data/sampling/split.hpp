/// Seeded train/dev/test splits in which no text appears in two parts.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/example.hpp>

namespace cuecard {

/// Example indices of each part, ascending. `fractions` are positive and sum to at most 1; the remaining
/// examples belong to no part. Examples whose texts are equal up to whitespace and ASCII case form a group and
/// stay together. Groups are shuffled with `seed`; each part takes groups until it has its fraction of the
/// examples, and at least one group while any are left. Throws UsageError for fractions out of range.
std::vector<std::vector<std::size_t>> split(const std::vector<Example>& examples,
                                            const std::vector<double>& fractions, uint32_t seed);

} // namespace cuecard
