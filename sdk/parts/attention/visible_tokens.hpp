/// For strategies that gather: the rows that each sequence sees, among all that anybody sees laid end to end.
#pragma once

#include <vector>

#include <cuecard/parts/attention/attention.hpp>

namespace cuecard {

struct VisibleTokens {
  /// [S] in the order in which they stand: what is in front, then own rows. Indices count the own rows, then
  /// `cached_rows`, then the prefixes.
  std::vector<std::vector<int64_t>> of_sequence;
  at::Tensor cached_rows; ///< rows of source 1 (a pool) that anybody sees, on the sources' device, or undefined
};

VisibleTokens visible_tokens(const AttentionLayout& layout, const std::vector<KeyValues>& sources);

/// [n, G, D] keys or values that `VisibleTokens::of_sequence` indexes.
at::Tensor concatenated(const std::vector<KeyValues>& sources, at::Tensor KeyValues::*which,
                        const VisibleTokens& seen);

} // namespace cuecard
