/// The arguments of one call of packed attention: key ranges of each block of queries, and pointers to the data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <ATen/ops/index_select.h>

#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

constexpr int64_t max_sources = 3;

/// Consecutive queries of one sequence, and the keys that any of them attends to. A sequence is a block, or several when it is long:
/// memory for scores then grows linearly with its length, and keys that causal attention or a window hides from all queries
/// of a block are not computed.
struct QueryBlock {
  int64_t first_query, queries;
  /// Keys before the own tokens, one range for each of AttentionLayout::before, then the own tokens, without those that no query of
  /// the block attends to.
  std::vector<KeyRange> ranges;
  int64_t first_key = 0; ///< number of the first of these, counted from the sequence's first
  int64_t keys = 0;

  QueryBlock(const AttentionLayout& layout, int64_t s, int64_t begin, int64_t end)
      : first_query(begin), queries(end - begin), ranges(layout.before[s]), before_(layout.keys_before(s)) {
    ranges.push_back({0, layout.offsets[s], layout.offsets[s + 1]});
    all_keys_ = before_ + layout.offsets[s + 1] - layout.offsets[s];
    KeySpan whole{all_keys_, 0};
    for (int64_t i = 0; i < queries; ++i) {
      const KeySpan span = layout.seen_from(place(layout, i), all_keys_);
      whole = {std::min(whole.begin, span.begin), std::max(whole.end, span.end)};
    }
    first_key = whole.begin;
    keys = whole.end - whole.begin;
    int64_t number = 0; // of the range's first key
    for (KeyRange& range : ranges) {
      const int64_t from = range.begin - number, length = range.end - range.begin;
      range = {range.source, from + std::clamp(whole.begin, number, number + length),
               from + std::clamp(whole.end, number, number + length)};
      number += length;
    }
  }

  /// Number of the key at the position of a query, counted from the sequence's first.
  int64_t place(const AttentionLayout& layout, int64_t query) const {
    return before_ + layout.query_offsets_in_sequence[first_query + query];
  }
  /// The keys of the block that a query attends to.
  KeySpan seen(const AttentionLayout& layout, int64_t query) const {
    const KeySpan span = layout.seen_from(place(layout, query), all_keys_);
    return {span.begin - first_key, span.end - first_key};
  }

private:
  int64_t before_, all_keys_ = 0; ///< of the sequence
};

/// Calls `work` with every block of sequence `s`, in order.
template <class Work>
void for_blocks(const AttentionLayout& layout, int64_t s, Work&& work) {
  // A block of the window's size computes scores for twice the visible keys; products of fewer than 32 rows are slow.
  const int64_t size = layout.window > 0 ? std::clamp<int64_t>(layout.window, 32, 256) : 256;
  for (int64_t begin = layout.query_offsets[s]; begin < layout.query_offsets[s + 1]; begin += size)
    work(QueryBlock(layout, s, begin, std::min(begin + size, layout.query_offsets[s + 1])));
}

/// Pointers and strides.
template <class T>
struct Pointers {
  int64_t heads, groups, size;
  const T* query;
  const T* key[max_sources];
  const T* value[max_sources];
  const T* bias = nullptr;   ///< [heads, 2 * longest_keys - 1] by distance, from 1 - longest_keys; or null
  int64_t longest_keys = 0;  ///< largest number of keys of a sequence
  double scale = 1, cap = 0; ///< AttentionOptions::scale, cap

  const T* bias_from(int64_t head, int64_t distance) const {
    return bias + head * (2 * longest_keys - 1) + longest_keys - 1 + distance;
  }
  const T* q(int64_t row, int64_t head) const { return query + (row * heads + head) * size; }
  const T* k(const KeyRange& range, int64_t group) const {
    return key[range.source] + (range.begin * groups + group) * size;
  }
  const T* v(const KeyRange& range, int64_t group) const {
    return value[range.source] + (range.begin * groups + group) * size;
  }
  int64_t q_stride() const { return heads * size; }
  int64_t k_stride() const { return groups * size; }
};

/// The layout itself, kept for the backward pass, and the bias by distance.
struct PackedPlan final : AttentionPlan {
  AttentionLayout layout;
  at::Tensor table;       ///< RelativeBias::table from which `by_distance` was gathered, or undefined
  at::Tensor by_distance; ///< [H, 2 * longest_keys - 1] in the query's dtype, or undefined
  int64_t longest_keys = 1;

  PackedPlan(const AttentionLayout& kept, const RelativeBias* bias, at::ScalarType type) : layout(kept) {
    layout.plan = nullptr;
    if (!bias)
      return;
    for (int64_t s = 0; s < layout.sequences(); ++s)
      longest_keys = std::max(longest_keys, layout.keys_before(s) + layout.offsets[s + 1] - layout.offsets[s]);
    std::vector<int64_t> buckets;
    for (int64_t distance = 1 - longest_keys; distance < longest_keys; ++distance)
      buckets.push_back(
          relative_bucket(distance, bias->table.size(0), bias->both_directions, bias->max_distance));
    table = bias->table;
    by_distance = table.detach().index_select(0, index_tensor(buckets)).t().to(type).contiguous();
  }

  bool made_for(const RelativeBias* bias, at::ScalarType type) const {
    return bias ? table.is_same(bias->table) && by_distance.scalar_type() == type : !table.defined();
  }
};

template <class T>
Pointers<T> pointers(const at::Tensor& query, const std::vector<at::Tensor>& keys,
                     const std::vector<at::Tensor>& values, const PackedPlan& plan, double scale, double cap) {
  Pointers<T> p{query.size(1), keys[0].size(1), query.size(2), query.const_data_ptr<T>(), {}, {}};
  if (plan.by_distance.defined())
    p.bias = plan.by_distance.const_data_ptr<T>();
  p.longest_keys = plan.longest_keys;
  p.scale = scale;
  p.cap = cap;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    p.key[i] = keys[i].const_data_ptr<T>();
    p.value[i] = values[i].const_data_ptr<T>();
  }
  return p;
}

/// Attention of the only query of a block (a decoding step), for one group of heads that share keys. Writes the query's entries of
/// `out` and `log_sums`. `scores`: a buffer for one score per key of the block, all of which the query attends to.
void attend_one(const Pointers<float>& p, const AttentionLayout& layout, const QueryBlock& block, int64_t group,
                float* scores, float* out, float* log_sums);
void attend_one(const Pointers<double>& p, const AttentionLayout& layout, const QueryBlock& block,
                int64_t group, double* scores, double* out, double* log_sums);

} // namespace cuecard
