/// For strategies that gather: the tokens that each sequence attends to, as indices into the concatenated keys of all sources.
#pragma once

#include <vector>

#include <cuecard/parts/attention/attention.hpp>

namespace cuecard {

struct VisibleTokens {
  /// [S] in order: preceding tokens, then own tokens, without those that the window hides from all queries. Indices count the tokens of
  /// source 0, then the prefixes, then `cached_rows`.
  std::vector<std::vector<int64_t>> of_sequence;
  std::vector<int64_t> first; ///< [S] number of the first of these, counted from the sequence's first key
  at::Tensor cached_rows;     ///< tokens of source 1 that any query attends to, on its device, or undefined
};

VisibleTokens visible_tokens(const AttentionLayout& layout, const std::vector<KeyValues>& sources);

/// [n, G, D] the keys or values that `VisibleTokens::of_sequence` indexes.
at::Tensor concatenated(const std::vector<KeyValues>& sources, at::Tensor KeyValues::*which,
                        const VisibleTokens& seen);

} // namespace cuecard
