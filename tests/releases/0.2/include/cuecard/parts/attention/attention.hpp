/// Attention over packed sequences, without padding.
///
/// Q queries, T tokens of the batch, S sequences, H query heads, G key/value heads (H is a multiple of G), D head size.
///
/// Threads: functions of this file may be called from several threads at once, `attention` only with different layouts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Keys and values, [n, G, D] each, in the dtype and on the device of the queries. Both undefined: an absent source.
struct KeyValues {
  at::Tensor key, value;
};

/// Keys `begin` to `end` (exclusive) of one of the sources passed to `attention`.
struct KeyRange {
  int64_t source = 0; ///< index into them
  int64_t begin = 0, end = 0;
};

/// Keys `begin` to `end` (exclusive) of a sequence, counted from the first key before it.
struct KeySpan {
  int64_t begin = 0, end = 0;
};

/// What a function derives from a layout, cached with it. Immutable.
struct CUECARD_API AttentionPlan {
  virtual ~AttentionPlan();
};

/// Which keys each query attends to. Created once per forward pass and used by every layer with the same window. `attention` writes
/// `plan`, so only one thread at a time may use a layout.
struct AttentionLayout {
  /// [S + 1] offsets of each sequence's own tokens in source 0 (`cu_seqlens`).
  std::vector<int64_t> offsets{0};
  /// [S + 1] offsets of each sequence's queries.
  std::vector<int64_t> query_offsets{0};
  /// [Q] index of each query among its sequence's own tokens; with causal attention it attends to own tokens up to that index.
  std::vector<int64_t> query_offsets_in_sequence;
  /// [S] keys before the own tokens: prefixes, cached tokens, tokens of parents; in cross-attention, which has no own tokens,
  /// those of the encoder. Every query attends to all of them that its window doesn't hide.
  std::vector<std::vector<KeyRange>> before;
  bool causal = false;
  /// Sliding window; 0: none. With causal attention a query attends to the last `window` keys up to its own, else to its own and
  /// `window / 2` keys on either side (Beltagy et al. 2020, section 3.1). Distances count keys from the first one before the
  /// sequence, so prefix keys leave the window as the same tokens would.
  int64_t window = 0;
  /// Set by the first call of `attention`, shared by all layers. No other member may change afterwards.
  mutable std::shared_ptr<const AttentionPlan> plan;

  /// The number of sequences, from `offsets`.
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  /// Number of keys before the own tokens of sequence `s`, 0 to S - 1.
  int64_t keys_before(int64_t s) const;
  /// The keys attended to by the query whose own key has index `place` among its sequence's `keys` keys.
  KeySpan seen_from(int64_t place, int64_t keys) const;
};

/// The layout of self-attention over `side` with every token a query. `preceding` [S], or empty: the keys before each sequence that
/// has no parent. A child inherits the keys before its parent, followed by the parent's own. Indices are not checked.
CUECARD_API AttentionLayout self_attention_layout(const Side& side, bool causal,
                                                  const std::vector<std::vector<KeyRange>>& preceding = {});

/// The same layout with only some tokens as queries. In `layout` every token is a query; `tokens` are 0 to T - 1, ascending, as in
/// Batch::answer_tokens_host. Indices are not checked.
CUECARD_API AttentionLayout select_queries(const AttentionLayout& layout, const std::vector<int64_t>& tokens);

/// The same layout with the window `window`, 0 or more, or without one if it is 0 or hides no key from any query.
CUECARD_API AttentionLayout with_window(const AttentionLayout& layout, int64_t window);

/// Implementations of attention with equal results. `automatic` selects the fastest that supports the device and dtype.
enum class AttentionStrategy {
  automatic,
  packed, ///< CPU only: per sequence and head on packed tokens, with hand-written gradients; half precision in float64
  padded, ///< any device: tokens gathered into [S, longest], then LibTorch's scaled_dot_product_attention
  /// GPUs, float32 and narrower, no bias, no cap, with causal attention only if the queries of a sequence are its last tokens, and
  /// no window without causal attention: LibTorch's memory-efficient attention over concatenated keys. Gradients are not
  /// deterministic. `automatic` never selects it, because it has not been timed against `padded` on a GPU.
  variable_length,
};

/// Relative position bias, added to attention scores (Raffel et al. 2020, section 2.1). Short distances have a bucket each, longer
/// ones share buckets of logarithmically growing width, and all distances from `max_distance` on share the last. Positions count
/// from the first key that the query attends to, prefixes and cached tokens included.
struct RelativeBias {
  at::Tensor table; ///< [buckets, H], floating-point, on the device of the queries
  bool both_directions =
      false; ///< half of the buckets are for keys after the query; else such keys are in bucket 0
  int64_t max_distance = 128;
};

/// The bucket of a key `distance` positions after the query (negative: before it). Computed in float32, as the models were trained.
/// `buckets` is at least 2, or 4 with `both_directions`, and `max_distance` larger than the number of short distances.
CUECARD_API int64_t relative_bucket(int64_t distance, int64_t buckets, bool both_directions,
                                    int64_t max_distance);

/// How attention scores are computed.
struct AttentionOptions {
  /// Implicit from a scale alone, the common case.
  AttentionOptions(double scale_of_scores, const RelativeBias* bias_of_scores = nullptr,
                   AttentionStrategy way = AttentionStrategy::automatic, double cap_of_scores = 0)
      : scale(scale_of_scores), bias(bias_of_scores), strategy(way), cap(cap_of_scores) {}

  double scale;             ///< scores are multiplied by it
  const RelativeBias* bias; ///< null: none; with one layout, a call with another bias prepares it anew
  AttentionStrategy strategy;
  double cap; ///< scores s become cap * tanh(s / cap), before the bias (Gemma 2, section 2); 0: none
};

/// softmax(scale * q k^T + bias) v over the keys that each query attends to (Vaswani et al. 2017, section 3.2.1): query [Q, H, D] ->
/// [Q, H, D], in the query's dtype (float32, float64, bfloat16 or float16) and on its device. `sources[0]` holds the own tokens; there are
/// one to three sources, all in that dtype and on that device. Differentiable in the query and all sources, and in the bias table if that
/// requires a gradient (`padded` only, which `automatic` then selects). Sums over sequences have a fixed order, so results repeat bit for
/// bit, except for the gradients of `variable_length`.
///
/// Error for another number of sources, for a bias where queries have no own tokens in `sources[0]` (cross-attention), and, with the
/// reason, for a call that `variable_length` doesn't support. Shapes, dtypes and indices must match: `packed` checks none of them, the
/// other strategies as far as LibTorch does (c10::Error).
CUECARD_API at::Tensor attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                 const AttentionLayout& layout, const AttentionOptions& options);

} // namespace cuecard
