#include "initial_states.hpp"

#include <algorithm>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/sampled_tokens.hpp>

namespace cuecard {

namespace {

/// Tokens per random sequence, including the first one.
constexpr int64_t sequence_length = 16;

std::vector<int64_t> sample_tokens(int64_t count, uint64_t stream, const Problem& problem) {
  std::vector<int64_t> ids = sample_common_tokens(count, Random(problem.seed, stream), problem.vocabulary);
  if (ids.empty())
    throw DataError(
        "the model's vocabulary has only special tokens, and a soft prompt can't be initialised from these.");
  return ids;
}

} // namespace

at::Tensor sampled_embeddings(int64_t count, const Problem& problem) {
  const std::vector<int64_t> ids = sample_tokens(count, stream_id("prompt"), problem);
  return problem.backbone.token_vectors(TokenTable::input, index_tensor(ids, problem.backbone.device()));
}

at::Tensor sampled_hidden_states(int64_t count, int64_t layers, const Problem& problem) {
  const at::NoGradGuard no_grad;
  const Backbone& backbone = problem.backbone;
  const int64_t most = backbone.shape().max_positions;
  const int64_t length = most > 0 ? std::min(sequence_length, most) : sequence_length;
  if (length < 2)
    throw UsageError(
        "the model has a single position, so there are no hidden states to start from: use init=random.");
  const int64_t sequences = (count + length - 2) / (length - 1);
  Batch batch;
  std::vector<int64_t> positions, used;
  for (int64_t s = 0; s < sequences; ++s) {
    for (int64_t i = 0; i < length; ++i) {
      positions.push_back(i);
      if (i > 0 && std::ssize(used) < count)
        used.push_back(s * length + i);
    }
    batch.input.offsets.push_back((s + 1) * length);
    batch.input.parent.push_back(-1);
    batch.input.cards.push_back(0);
  }
  batch.input.ids =
      index_tensor(sample_tokens(sequences * length, stream_id("hidden"), problem), backbone.device());
  batch.input.positions = index_tensor(positions, backbone.device());
  batch.answer_tokens = index_tensor({}, backbone.device());
  const BatchConditioning nothing;
  const at::Tensor states =
      backbone.forward({.batch = batch, .conditioning = nothing, .all_tokens = true, .layers = layers});
  return states.index_select(0, index_tensor(used, backbone.device())).to(at::kFloat);
}

} // namespace cuecard
