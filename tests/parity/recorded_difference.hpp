/// The differences between a model's outputs and the recorded ones.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>

#include "recorded.hpp"
#include "saved_otherwise.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

namespace cuecard::test {

/// Of the recorded tokens; the largest difference from the recording in hidden states and, with a head, in log-probabilities.
inline double difference(const Model& model, const Recording& recording, bool scores = true) {
  Batch batch = packed(recording, {}, recording.has("segments"));
  std::vector<int64_t> tokens(static_cast<std::size_t>(batch.answer_side().num_tokens()));
  std::iota(tokens.begin(), tokens.end(), 0);
  batch.answer_tokens = at::tensor(tokens, at::kLong);
  batch.answer_tokens_host = tokens;
  const at::Tensor hidden = model.backbone().forward({batch, {}});
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    REQUIRE(a.sizes() == b.sizes());
    return (a - b).abs().max().item<double>();
  };
  double largest = distance(hidden, recording["hidden"]);
  if (!scores || !model.shape().has_lm_head || !recording.has("log_probs"))
    return largest;
  at::Tensor log_probs = model.backbone().project({hidden, {OutputRequest::Kind::log_probs, {}}});
  if (recording["log_probs"].size(0) != log_probs.size(0))
    log_probs = log_probs.index_select(0, recording["target_rows"]);
  return std::max(largest, distance(log_probs, recording["log_probs"]));
}

inline double difference(const SavedOtherwise& saved) {
  return difference(saved.load(), Recording(golden / "models" / saved.name() / "outputs.safetensors"));
}

} // namespace cuecard::test
