#include <cuecard/parts/attention.hpp>

#include <algorithm>

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "attention_strategies.hpp"

namespace cuecard {

AttentionPlan::~AttentionPlan() = default;

AttentionLayout self_attention_layout(const Side& side, bool causal,
                                      const std::vector<std::vector<KeyRange>>& fronts) {
  const int64_t sequences = side.sequences();
  AttentionLayout layout;
  layout.causal = causal;
  layout.offsets = side.offsets;
  layout.query_offsets = side.offsets;
  layout.query_places.resize(static_cast<std::size_t>(side.rows()));
  layout.before.resize(static_cast<std::size_t>(sequences));
  for (int64_t s = 0; s < sequences; ++s) {
    for (int64_t row = side.offsets[s]; row < side.offsets[s + 1]; ++row)
      layout.query_places[row] = row - side.offsets[s];
    std::vector<KeyRange>& before = layout.before[s];
    const int64_t parent = side.parent.empty() ? -1 : side.parent[s];
    if (parent >= 0) {
      before = layout.before[parent];
      before.push_back({0, side.offsets[parent], side.offsets[parent + 1]});
    } else if (!fronts.empty()) {
      before = fronts[s];
    }
  }
  return layout;
}

AttentionLayout ask_only(const AttentionLayout& layout, const std::vector<int64_t>& rows) {
  AttentionLayout result = layout;
  result.plan = nullptr;
  result.query_places.clear();
  auto row = rows.begin();
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    for (; row != rows.end() && *row < layout.offsets[s + 1]; ++row)
      result.query_places.push_back(*row - layout.offsets[s]);
    result.query_offsets[s + 1] = static_cast<int64_t>(result.query_places.size());
  }
  return result;
}

at::Tensor attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                     const AttentionLayout& layout, double scale, AttentionStrategy strategy) {
  if (sources.empty() || sources.size() > 3)
    throw Error("attention: " + std::to_string(sources.size()) +
                " sources of keys; between 1 and 3 are expected.");
  const bool packable =
      query.is_cpu() && (query.scalar_type() == at::kFloat || query.scalar_type() == at::kDouble);
  if (strategy == AttentionStrategy::automatic)
    strategy = packable ? AttentionStrategy::packed : AttentionStrategy::padded;
  if (strategy == AttentionStrategy::packed)
    return packed_attention(query, sources, layout, scale);
  return padded_attention(query, sources, layout, scale);
}

} // namespace cuecard
