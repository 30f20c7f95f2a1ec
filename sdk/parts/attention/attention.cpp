#include <cuecard/parts/attention/attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "attention/strategies/attention_strategies.hpp"

namespace cuecard {

AttentionPlan::~AttentionPlan() = default;

AttentionLayout self_attention_layout(const Side& side, bool causal,
                                      const std::vector<std::vector<KeyRange>>& preceding) {
  const int64_t sequences = side.num_sequences();
  AttentionLayout layout;
  layout.causal = causal;
  layout.offsets = side.offsets;
  layout.query_offsets = side.offsets;
  layout.query_offsets_in_sequence.resize(static_cast<std::size_t>(side.num_tokens()));
  layout.before.resize(static_cast<std::size_t>(sequences));
  for (int64_t s = 0; s < sequences; ++s) {
    for (int64_t token = side.offsets[s]; token < side.offsets[s + 1]; ++token)
      layout.query_offsets_in_sequence[token] = token - side.offsets[s];
    std::vector<KeyRange>& before = layout.before[s];
    const int64_t parent = side.parent.empty() ? -1 : side.parent[s];
    if (parent >= 0) {
      before = layout.before[parent];
      before.push_back({0, side.offsets[parent], side.offsets[parent + 1]});
    } else if (!preceding.empty()) {
      before = preceding[s];
    }
  }
  return layout;
}

AttentionLayout select_queries(const AttentionLayout& layout, const std::vector<int64_t>& tokens) {
  AttentionLayout result = layout;
  result.plan = nullptr;
  result.query_offsets_in_sequence.clear();
  auto token = tokens.begin();
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    for (; token != tokens.end() && *token < layout.query_offsets[s + 1]; ++token)
      result.query_offsets_in_sequence.push_back(
          layout.query_offsets_in_sequence[static_cast<std::size_t>(*token)]);
    result.query_offsets[s + 1] = static_cast<int64_t>(result.query_offsets_in_sequence.size());
  }
  return result;
}

int64_t relative_bucket(int64_t distance, int64_t buckets, bool both_directions, int64_t max_distance) {
  int64_t first = 0;
  if (both_directions) {
    buckets /= 2;
    first = distance > 0 ? buckets : 0;
    distance = std::abs(distance);
  } else {
    distance = std::max<int64_t>(-distance, 0);
  }
  const int64_t exact = buckets / 2;
  if (distance < exact)
    return first + distance;
  // In float32, as the models were trained: the bucket of a distance on a boundary depends on the precision.
  const float ratio =
      std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
      static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  const auto shared = static_cast<int64_t>(ratio * static_cast<float>(buckets - exact));
  return first + std::min(exact + shared, buckets - 1);
}

int64_t AttentionLayout::keys_before(int64_t s) const {
  int64_t count = 0;
  for (const KeyRange& range : before[static_cast<std::size_t>(s)])
    count += range.end - range.begin;
  return count;
}

KeySpan AttentionLayout::seen_from(int64_t place, int64_t keys) const {
  if (causal)
    return {window > 0 ? std::max<int64_t>(0, place + 1 - window) : 0, place + 1};
  if (window == 0)
    return {0, keys};
  return {std::max<int64_t>(0, place - window / 2), std::min(keys, place + window / 2 + 1)};
}

AttentionLayout with_window(const AttentionLayout& layout, int64_t window) {
  AttentionLayout result = layout;
  result.plan = nullptr;
  int64_t longest = 0;
  for (int64_t s = 0; s < layout.sequences(); ++s)
    longest = std::max(longest, layout.keys_before(s) + layout.offsets[s + 1] - layout.offsets[s]);
  result.window = (layout.causal ? window : window / 2 + 1) < longest ? window : 0;
  return result;
}

at::Tensor attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                     const AttentionLayout& layout, const AttentionOptions& options) {
  if (sources.empty() || sources.size() > 3)
    throw Error("attention: " + std::to_string(sources.size()) + " sources of keys; expected 1 to 3.");
  if (options.bias && layout.offsets.back() == 0 && layout.query_offsets.back() > 0)
    throw Error(
        "attention: a relative position bias needs self-attention, and these queries have no tokens of their own "
        "among the keys.");
  const at::ScalarType type = query.scalar_type();
  const bool half = type == at::kBFloat16 || type == at::kHalf;
  const bool packable = query.is_cpu() && (type == at::kFloat || type == at::kDouble || half);
  const bool learns_bias = options.bias && options.bias->table.requires_grad();
  AttentionStrategy strategy = options.strategy;
  if (strategy == AttentionStrategy::automatic)
    strategy = packable && !learns_bias ? AttentionStrategy::packed : AttentionStrategy::padded;
  if (strategy == AttentionStrategy::packed && half) {
    // The order of the sums depends on how a sequence is split into shared and own tokens. In float64 the difference vanishes when
    // the result is rounded to half precision; in float32 it would not, and outputs for one text alone and in a batch would diverge
    // layer by layer.
    std::vector<KeyValues> wide;
    wide.reserve(sources.size());
    for (const KeyValues& source : sources)
      wide.push_back(source.key.defined() ? KeyValues{source.key.to(at::kDouble), source.value.to(at::kDouble)}
                                          : KeyValues());
    return packed_attention(query.to(at::kDouble), wide, layout, options).to(type);
  }
  if (strategy == AttentionStrategy::packed)
    return packed_attention(query, sources, layout, options);
  if (strategy == AttentionStrategy::variable_length) {
    const std::string reason = why_not_variable_length(query, layout, options);
    if (!reason.empty())
      throw Error("attention: " + reason + "; use another strategy.");
    return variable_length_attention(query, sources, layout, options.scale);
  }
  return padded_attention(query, sources, layout, options);
}

} // namespace cuecard
