#include <cuecard/parts/label_loss.hpp>

#include <algorithm>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

at::Tensor label_loss(const Scores& scores, const Batch& batch) {
  const std::vector<int64_t>& offsets = scores.offsets;
  int64_t widest = 1;
  for (std::size_t d = 0; d + 1 < offsets.size(); ++d)
    widest = std::max(widest, offsets[d + 1] - offsets[d]);
  // Where a decision has fewer scores than another it is filled up with what has no probability.
  const int64_t nothing = offsets.back();
  std::vector<int64_t> places;
  for (std::size_t d = 0; d + 1 < offsets.size(); ++d)
    for (int64_t i = 0; i < widest; ++i)
      places.push_back(offsets[d] + i < offsets[d + 1] ? offsets[d] + i : nothing);
  const at::Tensor filler = at::full({1}, -std::numeric_limits<double>::infinity(), scores.values.options());
  const at::Tensor even = at::cat({scores.values, filler})
                              .index_select(0, index_tensor(places, scores.values.device()))
                              .view({-1, widest});
  const at::Tensor labels =
      scores.entries.empty()
          ? batch.labels
          : batch.labels.index_select(0, index_tensor(scores.entries, batch.labels.device()));
  const at::Tensor sum = at::cross_entropy_loss(even, labels, {}, at::Reduction::Sum, /*ignore_index=*/-1);
  return sum / labels.ge(0).sum().clamp_min(1);
}

} // namespace cuecard
