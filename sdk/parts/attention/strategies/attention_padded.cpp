/// Attention on any device: tokens are gathered into [S, longest] and passed to LibTorch's scaled_dot_product_attention. The reference
/// for the other strategies, and the default on GPUs. The gather indices are computed once per forward pass.
#include "attention/strategies/attention_strategies.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>

#include <cuecard/parts/index_tensor.hpp>

#include "attention/strategies/visible_tokens.hpp"

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
    // For each query, counted from the first gathered key: the first key that it attends to, the end of those keys, and its own
    // index.
    std::vector<int64_t> first(static_cast<std::size_t>(layout.sequences() * longest_query), 0);
    std::vector<int64_t> visible(first.size(), 1), own_places(first.size(), 0);
    for (int64_t s = 0; s < layout.sequences(); ++s) {
      std::copy(key_tokens[s].begin(), key_tokens[s].end(), keys.begin() + s * longest_key);
      const int64_t before = layout.keys_before(s), number = before + layout.offsets[s + 1] - layout.offsets[s];
      for (int64_t q = layout.query_offsets[s]; q < layout.query_offsets[s + 1]; ++q) {
        const int64_t place = s * longest_query + q - layout.query_offsets[s];
        queries[place] = q;
        out[q] = place;
        own_places[place] = before + layout.query_offsets_in_sequence[q] - seen.first[s];
        const KeySpan span = layout.seen_from(before + layout.query_offsets_in_sequence[q], number);
        first[place] = span.begin - seen.first[s];
        visible[place] = span.end - seen.first[s];
      }
    }
    query_index = index_tensor(queries, device);
    key_index = index_tensor(keys, device);
    out_index = index_tensor(out, device);
    std::vector<int64_t> places(static_cast<std::size_t>(longest_key));
    for (int64_t i = 0; i < longest_key; ++i)
      places[i] = i;
    const auto by_query = [&](const std::vector<int64_t>& values) {
      return index_tensor(values, device).view({layout.sequences(), 1, longest_query, 1});
    };
    const at::Tensor key_places = index_tensor(places, device).view({1, 1, 1, longest_key});
    mask = key_places.lt(by_query(visible));
    if (layout.window > 0)
      mask = mask.logical_and(key_places.ge(by_query(first)));
    if (bias)
      add_bias(*bias, index_tensor(own_places, device), key_places, query.scalar_type());
  }

  bool made_for(const RelativeBias* bias, at::ScalarType type) const {
    return bias ? table.is_same(bias->table) && mask.scalar_type() == type : !table.defined();
  }

private:
  void add_bias(const RelativeBias& bias, const at::Tensor& own_places, const at::Tensor& key_places,
                at::ScalarType type) {
    std::vector<int64_t> buckets; // by distance, from 1 - longest_key
    for (int64_t distance = 1 - longest_key; distance < longest_key; ++distance)
      buckets.push_back(relative_bucket(distance, bias.table.size(0), bias.both_directions, bias.max_distance));
    const at::Device device = mask.device();
    const at::Tensor by_distance = bias.table.index_select(0, index_tensor(buckets, device)).to(type);
    const at::Tensor distances = key_places.view({1, -1}) - own_places.view({-1, 1}) + (longest_key - 1);
    const at::Tensor added = by_distance.index_select(0, distances.flatten())
                                 .view({mask.size(0), longest_query, longest_key, bias.table.size(1)})
                                 .permute({0, 3, 1, 2});
    mask = added.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
    table = bias.table;
  }
};

/// Attention with capped scores, which scaled_dot_product_attention doesn't support. query [S, H, Q, D], key and value [S, H, K,
/// D].
at::Tensor capped_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const at::Tensor& mask, double scale, double cap) {
  const at::ScalarType wide = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor scores = at::tanh(at::matmul(query, key.transpose(2, 3)).to(wide) * (scale / cap)) * cap;
  scores = mask.scalar_type() == at::kBool
               ? scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity())
               : scores + mask;
  return at::matmul(at::softmax(scores, -1).to(value.scalar_type()), value);
}

} // namespace

at::Tensor padded_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                            const AttentionLayout& layout, const AttentionOptions& options) {
  const RelativeBias* bias = options.bias;
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
  const at::Tensor queries = gathered(query, plan->query_index, plan->longest_query),
                   keys = repeated(gathered(key, plan->key_index, plan->longest_key)),
                   values = repeated(gathered(value, plan->key_index, plan->longest_key));
  const at::Tensor out =
      options.cap > 0
          ? capped_attention(queries, keys, values, plan->mask, options.scale, options.cap)
          : at::scaled_dot_product_attention(queries, keys, values, plan->mask, 0.0, false, options.scale);
  return out.transpose(1, 2)
      .reshape({sequences * plan->longest_query, heads, size})
      .index_select(0, plan->out_index);
}

} // namespace cuecard
