/// Sharing out rows among the ranks of a run.
#pragma once

#include <cstdint>
#include <vector>

namespace cuecard {

/// For each row, given its size, the rank that it goes to: the longest first, each to the rank that has least so far, the lowest of
/// equal ones. A function of the arguments alone, so every rank knows what the others do.
std::vector<int64_t> shared_out(const std::vector<int64_t>& sizes, int64_t ranks);

} // namespace cuecard
