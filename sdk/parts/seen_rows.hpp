/// For strategies that gather: the rows that each sequence sees, among all that anybody sees laid end to end.
#pragma once

#include <vector>

#include <cuecard/parts/attention.hpp>

namespace cuecard {

struct SeenRows {
  /// [S] in the order in which they stand: what is in front, then own rows. Indices count the own rows, then
  /// `past_rows`, then the prefixes.
  std::vector<std::vector<int64_t>> of_sequence;
  at::Tensor past_rows; ///< rows of source 1 (a pool) that anybody sees, on the sources' device, or undefined
};

SeenRows seen_rows(const AttentionLayout& layout, const std::vector<KeyValues>& sources);

/// [n, G, D] keys or values that `SeenRows::of_sequence` indexes.
at::Tensor laid_end_to_end(const std::vector<KeyValues>& sources, at::Tensor KeyValues::*which,
                           const SeenRows& seen);

} // namespace cuecard
