#include <cuecard/parts/training/label_loss.hpp>

#include <algorithm>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// Scores padded to [decisions, widest] with -infinity, which has probability 0.
at::Tensor padded(const Scores& scores) {
  const std::vector<int64_t>& offsets = scores.offsets;
  const auto decisions = std::ssize(offsets) - 1;
  int64_t widest = 1;
  for (std::ptrdiff_t d = 0; d < decisions; ++d)
    widest = std::max(widest, offsets[d + 1] - offsets[d]);
  if (widest * decisions == offsets.back())
    return scores.values.view({-1, widest});
  std::vector<int64_t> places;
  for (std::ptrdiff_t d = 0; d < decisions; ++d)
    for (int64_t i = 0; i < widest; ++i)
      places.push_back(offsets[d] + i < offsets[d + 1] ? offsets[d] + i : offsets.back());
  const at::Tensor padding = at::full({1}, -std::numeric_limits<double>::infinity(), scores.values.options());
  return at::cat({scores.values, padding})
      .index_select(0, index_tensor(places, scores.values.device()))
      .view({-1, widest});
}

} // namespace

at::Tensor known_nll_loss(const at::Tensor& log_probs, const at::Tensor& labels) {
  if (!labels.defined())
    throw DataError("no example of the batch has a label to train on");
  const at::Tensor sum = at::nll_loss(log_probs, labels, {}, at::Reduction::Sum, /*ignore_index=*/-1);
  return sum / labels.ge(0).sum().clamp_min(1);
}

at::Tensor label_loss(const Scores& scores, const Batch& batch) {
  const bool in_order = scores.entries.empty() || !batch.labels.defined();
  return known_nll_loss(
      padded(scores).log_softmax(1),
      in_order ? batch.labels
               : batch.labels.index_select(0, index_tensor(scores.entries, batch.labels.device())));
}

} // namespace cuecard
