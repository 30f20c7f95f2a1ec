#include <cuecard/parts/attention/disentangled_attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// For each sequence, query i and key j: the row of distance i - j, counted from `rows.begin`: [queries, keys].
struct Plan final : AttentionPlan {
  RowRange rows;
  std::vector<at::Tensor> row_of;

  Plan(const AttentionLayout& layout, const DistanceBuckets& buckets, at::Device device) {
    int64_t longest = 1;
    for (int64_t s = 0; s < layout.sequences(); ++s)
      longest = std::max(longest, layout.keys_before(s) + layout.offsets[s + 1] - layout.offsets[s]);
    rows.begin = buckets.row(1 - longest);
    rows.count = buckets.row(longest - 1) - rows.begin + 1;
    for (int64_t s = 0; s < layout.sequences(); ++s) {
      const int64_t before = layout.keys_before(s), keys = before + layout.offsets[s + 1] - layout.offsets[s];
      const int64_t queries = layout.query_offsets[s + 1] - layout.query_offsets[s];
      std::vector<int64_t> of_pair;
      of_pair.reserve(static_cast<std::size_t>(queries * keys));
      for (int64_t q = layout.query_offsets[s]; q < layout.query_offsets[s + 1]; ++q)
        for (int64_t key = 0; key < keys; ++key)
          of_pair.push_back(buckets.row(before + layout.query_offsets_in_sequence[q] - key) - rows.begin);
      row_of.push_back(index_tensor(of_pair, device).view({queries, keys}));
    }
  }
};

std::shared_ptr<const Plan> plan_of(const AttentionLayout& layout, const DistanceBuckets& buckets,
                                    at::Device device) {
  auto plan = std::dynamic_pointer_cast<const Plan>(layout.plan);
  if (!plan)
    layout.plan = plan = std::make_shared<Plan>(layout, buckets, device);
  return plan;
}

/// [H, keys, D] the keys or values that sequence `s` attends to.
at::Tensor seen_by(int64_t s, const std::vector<KeyValues>& sources, at::Tensor KeyValues::*which,
                   const AttentionLayout& layout) {
  std::vector<at::Tensor> parts;
  for (const KeyRange& range : layout.before[static_cast<std::size_t>(s)])
    parts.push_back((sources[static_cast<std::size_t>(range.source)].*which)
                        .narrow(0, range.begin, range.end - range.begin));
  parts.push_back((sources[0].*which).narrow(0, layout.offsets[s], layout.offsets[s + 1] - layout.offsets[s]));
  return (parts.size() == 1 ? parts[0] : at::cat(parts)).transpose(0, 1);
}

} // namespace

int64_t DistanceBuckets::row(int64_t distance) const {
  const int64_t size = std::abs(distance), middle = span / 2;
  int64_t bucket = size;
  if (logarithmic && size > middle) {
    // In float32, as transformers computes it: the bucket of a distance on a boundary depends on the precision.
    const auto exact = static_cast<float>(middle);
    const float ratio =
        std::log(static_cast<float>(size) / exact) /
        std::log(static_cast<float>(static_cast<double>(max_distance - 1) / static_cast<double>(middle)));
    bucket = static_cast<int64_t>(std::ceil(ratio * static_cast<float>(middle - 1))) + middle;
  }
  return std::clamp<int64_t>(span + (distance < 0 ? -bucket : bucket), 0, 2 * span - 1);
}

RowRange rows_of(const AttentionLayout& layout, const DistanceBuckets& buckets, at::Device device) {
  return plan_of(layout, buckets, device)->rows;
}

at::Tensor disentangled_attention(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                  const AttentionLayout& layout, double scale, const DistanceBuckets& buckets,
                                  const std::function<const PositionTerms&(int64_t s)>& terms_of) {
  const std::shared_ptr<const Plan> plan = plan_of(layout, buckets, query.device());
  const at::ScalarType given = query.scalar_type();
  const at::ScalarType type = given == at::kBFloat16 || given == at::kHalf ? at::kDouble : given;
  std::vector<at::Tensor> mixed;
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    const int64_t queries = layout.query_offsets[s + 1] - layout.query_offsets[s];
    if (queries == 0)
      continue;
    const PositionTerms& terms = terms_of(s);
    const at::Tensor
        q = query.narrow(0, layout.query_offsets[s], queries).transpose(0, 1).to(type), // [H, q, D]
        k = seen_by(s, sources, &KeyValues::key, layout).to(type),
        v = seen_by(s, sources, &KeyValues::value, layout).to(type);
    const at::Tensor rows =
        plan->row_of[static_cast<std::size_t>(s)].unsqueeze(0).expand({q.size(0), queries, k.size(1)});
    at::Tensor scores = at::matmul(q, k.transpose(1, 2));
    if (terms.key.defined())
      scores = scores + at::matmul(q, terms.key.to(type).permute({1, 2, 0})).gather(2, rows);
    if (terms.query.defined())
      scores = scores + at::matmul(k, terms.query.to(type).permute({1, 2, 0}))
                            .gather(2, rows.transpose(1, 2))
                            .transpose(1, 2);
    mixed.push_back(at::matmul(at::softmax(scores * scale, 2), v).transpose(0, 1).to(given));
  }
  return mixed.empty() ? query : at::cat(mixed);
}

} // namespace cuecard
