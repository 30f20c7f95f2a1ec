/// The arguments of one call of packed attention: key ranges of each sequence, and pointers to the data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <ATen/ops/index_select.h>

#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

constexpr int64_t max_sources = 3;

/// The queries and keys of one sequence.
struct Sequence {
  int64_t queries, first_query;
  std::vector<KeyRange> ranges; ///< keys before the own tokens, then the own tokens
  int64_t before = 0;           ///< number of keys before the own tokens
  int64_t keys = 0;

  Sequence(const AttentionLayout& layout, int64_t s)
      : queries(layout.query_offsets[s + 1] - layout.query_offsets[s]), first_query(layout.query_offsets[s]),
        ranges(layout.before[s]) {
    for (const KeyRange& range : ranges)
      before += range.end - range.begin;
    ranges.push_back({0, layout.offsets[s], layout.offsets[s + 1]});
    keys = before + layout.offsets[s + 1] - layout.offsets[s];
  }

  /// Index of the key at the position of a query.
  int64_t place(const AttentionLayout& layout, int64_t query) const {
    return before + layout.query_offsets_in_sequence[first_query + query];
  }
  /// Number of keys that a query attends to.
  int64_t seen(const AttentionLayout& layout, int64_t query) const {
    return layout.causal ? place(layout, query) + 1 : keys;
  }
};

/// Pointers and strides.
template <class T>
struct Pointers {
  int64_t heads, groups, size;
  const T* query;
  const T* key[max_sources];
  const T* value[max_sources];
  const T* bias = nullptr;  ///< [heads, 2 * longest_keys - 1] by distance, from 1 - longest_keys; or null
  int64_t longest_keys = 0; ///< largest number of keys of a sequence

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
  at::Tensor by_distance; ///< [H, 2 * longest_keys - 1] in the query's type, or undefined
  int64_t longest_keys = 1;

  PackedPlan(const AttentionLayout& kept, const RelativeBias* bias, at::ScalarType type) : layout(kept) {
    layout.plan = nullptr;
    if (!bias)
      return;
    for (int64_t s = 0; s < layout.sequences(); ++s)
      longest_keys = std::max(longest_keys, Sequence(layout, s).keys);
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
                     const std::vector<at::Tensor>& values, const PackedPlan& plan) {
  Pointers<T> p{query.size(1), keys[0].size(1), query.size(2), query.const_data_ptr<T>(), {}, {}};
  if (plan.by_distance.defined())
    p.bias = plan.by_distance.const_data_ptr<T>();
  p.longest_keys = plan.longest_keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    p.key[i] = keys[i].const_data_ptr<T>();
    p.value[i] = values[i].const_data_ptr<T>();
  }
  return p;
}

/// Attention of the only query of a sequence (a decoding step), for one group of heads that share keys. Writes the query's entries of
/// `out` and `log_sums`. `scores`: a buffer for one score per key of the sequence.
void attend_one(const Pointers<float>& p, const AttentionLayout& layout, const Sequence& sequence,
                int64_t group, double scale, float* scores, float* out, float* log_sums);
void attend_one(const Pointers<double>& p, const AttentionLayout& layout, const Sequence& sequence,
                int64_t group, double scale, double* scores, double* out, double* log_sums);

} // namespace cuecard
