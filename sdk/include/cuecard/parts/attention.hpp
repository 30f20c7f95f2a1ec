/// Attention over packed rows: the one place that knows where a sequence begins and ends.
///
/// Q queries, R own rows, S sequences, H query heads, G key/value heads (H is a multiple of G), D head size.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Keys and values, [n, G, D] each.
struct KeyValues {
  at::Tensor key, value;
};

/// Rows begin to end of one of the sources that `attention` is given.
struct KeyRange {
  int64_t source = 0;
  int64_t begin = 0, end = 0;
};

/// What a strategy derives from a layout for one device.
struct CUECARD_API AttentionPlan {
  virtual ~AttentionPlan();
};

/// Who sees what. Made once per forward pass and used by every layer.
struct AttentionLayout {
  /// [S + 1] own rows of each sequence, in source 0.
  std::vector<int64_t> offsets{0};
  /// [S + 1] queries of each sequence.
  std::vector<int64_t> query_offsets{0};
  /// [Q] place of each query among its sequence's own rows; with causal attention it sees own rows up to that
  /// place.
  std::vector<int64_t> query_places;
  /// [S] what stands in front of the own rows: prefixes, past rows, parents' rows. Always seen whole.
  std::vector<std::vector<KeyRange>> before;
  bool causal = false;
  /// Made at the first call of a strategy, shared by all layers. Nothing above may change afterwards.
  mutable std::shared_ptr<const AttentionPlan> plan;

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// The layout of self-attention over `side` when every row asks. `fronts` [S], or empty: what stands in front
/// of each sequence that has no parent; in front of any other stands what stands in front of its parent, and
/// the parent's rows.
CUECARD_API AttentionLayout self_attention_layout(const Side& side, bool causal,
                                                  const std::vector<std::vector<KeyRange>>& fronts = {});

/// The same layout when only some rows ask: `rows` ascending, as in Batch::answer_rows_host.
CUECARD_API AttentionLayout ask_only(const AttentionLayout& layout, const std::vector<int64_t>& rows);

/// Ways to compute the same thing. `automatic` takes the fastest that the device and dtype allow.
enum class AttentionStrategy {
  automatic,
  packed, ///< CPU, float32 and float64: per sequence and head on the packed rows, gradients by hand
  padded, ///< any device: gathered into [S, longest], LibTorch's fused attention
};

/// softmax(scale * q k^T) v over what each query sees: query [Q, H, D] -> [Q, H, D]. `sources[0]` holds the own
/// rows. At most three sources. Differentiable in the query and all sources; sums over sequences are in a fixed
/// order, so a run repeats bit for bit.
CUECARD_API at::Tensor attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                 const AttentionLayout& layout, double scale,
                                 AttentionStrategy strategy = AttentionStrategy::automatic);

} // namespace cuecard
