/// Attention on any device: tokens are gathered into [S, longest] and passed to LibTorch's scaled_dot_product_attention. The reference
/// for the other strategies, and the default on GPUs. The gather indices are computed once per forward pass.
#include "attention/attention_strategies.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <cuecard/parts/index_tensor.hpp>

#include "attention/visible_tokens.hpp"

namespace cuecard {

namespace {

/// Indices, all on the device. Padding repeats token 0; the mask hides padded keys and the final gather drops padded queries.
struct PaddedPlan final : AttentionPlan {
  VisibleTokens seen;
  at::Tensor query_index, key_index; ///< [S * longest query]; [S * longest key] into the visible tokens
  at::Tensor out_index;              ///< [Q]
  at::Tensor mask;  ///< [S, 1, longest query, longest key] bool; with a bias an additive mask [S, H, ...]
  at::Tensor table; ///< RelativeBias::table included in the mask, or undefined
  int64_t longest_query = 0, longest_key = 0;

  PaddedPlan(const AttentionLayout& layout, const std::vector<KeyValues>& sources, const RelativeBias* bias,
             const at::Tensor& query)
      : seen(visible_tokens(layout, sources)) {
    const at::Device device = query.device();
    const std::vector<std::vector<int64_t>>& key_tokens = seen.of_sequence;
    for (int64_t s = 0; s < layout.sequences(); ++s) {
      longest_key = std::max(longest_key, static_cast<int64_t>(key_tokens[s].size()));
      longest_query = std::max(longest_query, layout.query_offsets[s + 1] - layout.query_offsets[s]);
    }
    std::vector<int64_t> queries(static_cast<std::size_t>(layout.sequences() * longest_query), 0);
    std::vector<int64_t> keys(static_cast<std::size_t>(layout.sequences() * longest_key), 0);
    std::vector<int64_t> out(static_cast<std::size_t>(layout.query_offsets.back()), 0);
    std::vector<int64_t> visible(static_cast<std::size_t>(layout.sequences() * longest_query), 1);
    std::vector<int64_t> query_offsets_in_sequence(visible.size(), 0);
    for (int64_t s = 0; s < layout.sequences(); ++s) {
      std::copy(key_tokens[s].begin(), key_tokens[s].end(), keys.begin() + s * longest_key);
      const int64_t own = layout.offsets[s + 1] - layout.offsets[s];
      const int64_t before = static_cast<int64_t>(key_tokens[s].size()) - own;
      for (int64_t q = layout.query_offsets[s]; q < layout.query_offsets[s + 1]; ++q) {
        const int64_t place = s * longest_query + q - layout.query_offsets[s];
        queries[place] = q;
        out[q] = place;
        query_offsets_in_sequence[place] = before + layout.query_offsets_in_sequence[q];
        visible[place] = layout.causal ? before + layout.query_offsets_in_sequence[q] + 1 : before + own;
      }
    }
    query_index = index_tensor(queries, device);
    key_index = index_tensor(keys, device);
    out_index = index_tensor(out, device);
    std::vector<int64_t> places(static_cast<std::size_t>(longest_key));
    for (int64_t i = 0; i < longest_key; ++i)
      places[i] = i;
    mask = index_tensor(places, device)
               .view({1, 1, 1, longest_key})
               .lt(index_tensor(visible, device).view({layout.sequences(), 1, longest_query, 1}));
    if (bias)
      add_bias(*bias, index_tensor(query_offsets_in_sequence, device), index_tensor(places, device),
               query.scalar_type());
  }

  bool made_for(const RelativeBias* bias, at::ScalarType type) const {
    return bias ? table.is_same(bias->table) && mask.scalar_type() == type : !table.defined();
  }

private:
  void add_bias(const RelativeBias& bias, const at::Tensor& query_offsets_in_sequence,
                const at::Tensor& key_places, at::ScalarType type) {
    std::vector<int64_t> buckets; // by distance, from 1 - longest_key
    for (int64_t distance = 1 - longest_key; distance < longest_key; ++distance)
      buckets.push_back(relative_bucket(distance, bias.table.size(0), bias.both_directions, bias.max_distance));
    const at::Device device = mask.device();
    const at::Tensor by_distance = bias.table.index_select(0, index_tensor(buckets, device)).to(type);
    const at::Tensor distances =
        key_places.view({1, -1}) - query_offsets_in_sequence.view({-1, 1}) + (longest_key - 1);
    const at::Tensor added = by_distance.index_select(0, distances.flatten())
                                 .view({mask.size(0), longest_query, longest_key, bias.table.size(1)})
                                 .permute({0, 3, 1, 2});
    mask = added.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
    table = bias.table;
  }
};

} // namespace

at::Tensor padded_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, double scale, const RelativeBias* bias) {
  auto plan = std::dynamic_pointer_cast<const PaddedPlan>(layout.plan);
  if (!plan || !plan->made_for(bias, query.scalar_type()))
    layout.plan = plan = std::make_shared<PaddedPlan>(layout, sources, bias, query);
  if (plan->longest_query == 0)
    return query;
  const int64_t sequences = layout.sequences(), heads = query.size(1), size = query.size(2);
  const at::Tensor key = concatenated(sources, &KeyValues::key, plan->seen),
                   value = concatenated(sources, &KeyValues::value, plan->seen);
  const int64_t share = heads / key.size(1);
  const auto gathered = [&](const at::Tensor& tokens, const at::Tensor& index, int64_t longest) {
    return tokens.index_select(0, index).view({sequences, longest, tokens.size(1), size}).transpose(1, 2);
  };
  const auto repeated = [&](const at::Tensor& groups) {
    return share == 1 ? groups : groups.repeat_interleave(share, 1, groups.size(1) * share);
  };
  const at::Tensor out = at::scaled_dot_product_attention(
      gathered(query, plan->query_index, plan->longest_query),
      repeated(gathered(key, plan->key_index, plan->longest_key)),
      repeated(gathered(value, plan->key_index, plan->longest_key)), plan->mask, 0.0, false, scale);
  return out.transpose(1, 2)
      .reshape({sequences * plan->longest_query, heads, size})
      .index_select(0, plan->out_index);
}

} // namespace cuecard
