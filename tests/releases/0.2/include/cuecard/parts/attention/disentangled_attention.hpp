/// Attention whose scores have two further terms, for a token's content and the distance to the other token (He et al. 2021,
/// "DeBERTa", section 3.1): softmax(scale * (q_i k_j + q_i K_b(i-j) + k_j Q_b(i-j))) v, where b is the bucket of a distance and K and
/// Q are keys and queries of buckets.
///
/// Keys before a sequence's own tokens are treated as tokens: P prefix keys are at the P positions before the first token, and have
/// a distance to every token, and both terms. Every query attends to all keys of its sequence: AttentionLayout::causal and `window` are
/// not read.
///
/// Q queries, H heads of size D; keys and values have H heads, too. Threads: functions of this file may be called from several threads at
/// once, with different layouts.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/parts/attention/attention.hpp>

namespace cuecard {

/// How distances i - j, query minus key, map to the rows of a table of `2 * span` relative embeddings, distance 0 at row `span`.
struct CUECARD_API DistanceBuckets {
  int64_t span = 0;
  int64_t max_distance = 0; ///< with `logarithmic`: the distance that shares the last row
  bool logarithmic =
      false; ///< distances from span / 2 on share rows; else each has its own, and those from `span` on the last

  /// The row of a distance.
  int64_t row(int64_t distance) const;
};

/// Keys and queries [R, H, D] of the R rows that `rows_of` names, floating-point, on the query's device; undefined: no such term.
struct PositionTerms {
  at::Tensor key, query;
};

/// Rows of the table.
struct RowRange {
  int64_t begin = 0, count = 0; ///< the first, and how many
};

/// The rows that the distances in a layout use. Cached with the layout, on `device`: one layout goes with one `buckets` and one device.
CUECARD_API RowRange rows_of(const AttentionLayout& layout, const DistanceBuckets& buckets, at::Device device);

/// query [Q, H, D] -> [Q, H, D], in its dtype and on its device; sources as in `attention`. `terms_of(s)` returns the terms of sequence s
/// of the layout, for the rows that `rows_of` returns for that layout; it is called for sequences with queries only, in order, in the
/// calling thread. Differentiable in query, sources and terms. Half precision is computed in float64 (decision 023). c10::Error
/// (LibTorch's) for shapes that don't match; what `terms_of` throws reaches the caller.
CUECARD_API at::Tensor disentangled_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                              const AttentionLayout& layout, double scale,
                                              const DistanceBuckets& buckets,
                                              const std::function<const PositionTerms&(int64_t s)>& terms_of);

} // namespace cuecard
