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
  std::vector<int64_t> query_offsets_in_sequence;
  /// [S] what stands in front of the own rows: prefixes, past rows, parents' rows; in cross-attention, which
  /// has no own rows, the encoder's. Always seen whole.
  std::vector<std::vector<KeyRange>> before;
  bool causal = false;
  /// Made at the first call of a strategy, shared by all layers. Nothing above may change afterwards.
  mutable std::shared_ptr<const AttentionPlan> plan;

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// The layout of self-attention over `side` when every row asks. `preceding` [S], or empty: what stands in front
/// of each sequence that has no parent; in front of any other stands what stands in front of its parent, and
/// the parent's rows.
CUECARD_API AttentionLayout self_attention_layout(const Side& side, bool causal,
                                                  const std::vector<std::vector<KeyRange>>& preceding = {});

/// The same layout when only some rows ask: `rows` ascending, as in Batch::answer_tokens_host.
CUECARD_API AttentionLayout select_queries(const AttentionLayout& layout, const std::vector<int64_t>& rows);

/// Ways to compute the same thing. `automatic` takes the fastest that the device and dtype allow.
enum class AttentionStrategy {
  automatic,
  packed, ///< CPU, float32 and float64: per sequence and head on the packed rows, gradients by hand
  padded, ///< any device: gathered into [S, longest], LibTorch's fused attention
  /// GPUs, float32 and narrower, no bias, and with causal attention the queries of a sequence are its last
  /// rows: gathered end to end, LibTorch's memory-efficient attention. Its gradients' sums have no fixed order.
  /// `automatic` does not take it yet: on no GPU has it been timed against `padded`.
  variable_length,
};

/// A bias that scores get by distance, one for all layers of a stack (Raffel et al. 2020, section 2.1). Near
/// distances have a bucket each, farther ones share buckets that widen with the logarithm, and from
/// `max_distance` on all share the last. A query and its keys are counted from the first key that it sees,
/// prefixes and past rows included.
struct RelativeBias {
  at::Tensor table;             ///< [buckets, H]
  bool both_directions = false; ///< half of the buckets are for keys behind the query; else those are as near
  int64_t max_distance = 128;
};

/// The bucket of a key that stands `distance` places behind the query (in front of it: negative).
CUECARD_API int64_t relative_bucket(int64_t distance, int64_t buckets, bool both_directions,
                                    int64_t max_distance);

/// How scores are made.
struct AttentionOptions {
  /// A scale alone is the common case, and may stand for the whole.
  AttentionOptions(double scale_of_scores, const RelativeBias* bias_of_scores = nullptr,
                   AttentionStrategy way = AttentionStrategy::automatic)
      : scale(scale_of_scores), bias(bias_of_scores), strategy(way) {}

  double scale;
  const RelativeBias* bias; ///< null: none; the same in all calls with one layout
  AttentionStrategy strategy;
};

/// softmax(scale * q k^T + bias) v over what each query sees: query [Q, H, D] -> [Q, H, D]. `sources[0]` holds
/// the own rows. At most three sources. Differentiable in the query and all sources, and where it asks for it
/// in the bias table (`padded` only, which `automatic` then takes); sums over sequences are in a fixed order,
/// so a run repeats bit for bit.
CUECARD_API at::Tensor attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                 const AttentionLayout& layout, const AttentionOptions& options);

} // namespace cuecard
