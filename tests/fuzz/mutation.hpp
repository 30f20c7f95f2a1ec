/// Mutations of valid inputs.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace cuecard::fuzz {

using Random = std::mt19937_64; // the same sequence on every platform

/// Applies a few random changes: sets, flips, drops, duplicates, moves or truncates bytes, or inserts some of
/// `others`; replaces binary or decimal numbers by limits of their types; exchanges whole values in quotes or
/// brackets. The result has at most `max_size` bytes.
std::string mutate(std::string bytes, const std::vector<std::string>& others, std::size_t max_size,
                   Random& random);

} // namespace cuecard::fuzz
