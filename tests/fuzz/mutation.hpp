/// Bytes that are nearly right.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace cuecard::fuzz {

using Chance = std::mt19937_64; // its numbers are the same everywhere

/// A few changes of `bytes`: bytes set, flipped, dropped, doubled, moved, cut off, taken from `others`;
/// numbers, in binary or as decimals, replaced by those at the edges of their types; values in quotes or
/// brackets exchanged whole. At most `longest` bytes.
std::string mutated(std::string bytes, const std::vector<std::string>& others, std::size_t longest,
                    Chance& chance);

} // namespace cuecard::fuzz
