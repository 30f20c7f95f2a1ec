/// Checks of projections to the vocabulary, and of stored matrices.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/testing/conformance/model_weights.hpp>
#include <cuecard/testing/conformance/sequences.hpp>
#include <cuecard/testing/packed_side.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing::conformance {

/// Logits of some tokens, log-probabilities and those of given targets are the same numbers, gradients
/// included.
inline void outputs(const Backbone& model) {
  const int64_t tokens = 70, vocabulary = model.shape().vocabulary;
  at::Tensor hidden = Random(3).normal_tensor({tokens, model.shape().hidden}, 1.0), again = hidden.clone();
  hidden.set_requires_grad(true);
  again.set_requires_grad(true);
  const at::Tensor targets = at::arange(tokens, at::kLong).remainder(vocabulary);
  const at::Tensor some = model.project({hidden, {OutputRequest::Kind::target_log_probs, {}}, targets});
  const at::Tensor all = model.project({again, {OutputRequest::Kind::log_probs, {}}});
  const at::Tensor expected = all.gather(1, targets.unsqueeze(1)).squeeze(1);
  CHECK(same(some, expected));
  const at::Tensor logits = model.project({hidden, {OutputRequest::Kind::logits, {}}});
  CHECK(same(at::log_softmax(logits, 1), all));
  const at::Tensor ids = long_tensor({3, 9});
  CHECK(same(model.project({hidden, {OutputRequest::Kind::logits, ids}}), logits.index_select(1, ids)));
  const at::Tensor weight = at::arange(tokens, at::kFloat).sin();
  (some * weight).sum().backward();
  (expected * weight).sum().backward();
  CHECK(at::allclose(hidden.grad(), again.grad(), 1e-4, 1e-5));
}

/// All linear layers and the word embeddings may be stored matrices, with the same hidden states, outputs and gradients.
inline void stored_matrices(const MakeBackbone& make, const Weights& weights, const Batch& batch) {
  const std::unique_ptr<Backbone> model = make(RoundedWeights(weights, true)),
                                  whole = make(RoundedWeights(weights, false));
  for (const LinearLayer& layer : model->linear_layers())
    CHECK_MESSAGE(is_stored(model->weights().at(layer.weight)), layer.weight);
  Conditioning conditioning;
  for (const LinearLayer& layer : model->linear_layers())
    conditioning.rescalings.push_back({layer.weight, at::ones({layer.in}).set_requires_grad(true), true});
  const at::Tensor states = model->forward({batch, conditioning}), expected = whole->forward({batch, {}});
  CHECK(same(states, expected));
  states.sum().backward();
  for (const Rescaling& rescaling : conditioning.rescalings)
    CHECK(rescaling.factors.grad().defined());
  const at::Tensor ids = long_tensor({3, 9});
  CHECK(same(model->token_vectors(TokenTable::input, ids), whole->token_vectors(TokenTable::input, ids)));
  if (!model->shape().has_lm_head)
    return;
  const at::NoGradGuard frozen;
  for (const at::Tensor& tokens : {at::Tensor(), ids}) {
    const OutputRequest request{OutputRequest::Kind::log_probs, tokens};
    CHECK(same(model->project({expected, request}), whole->project({expected, request})));
  }
}

} // namespace cuecard::testing::conformance
