/// Checks of training: weights changed in place, updates of linear layers by cards, and gradients of conditionings.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/parts/random.hpp>
#include <cuecard/testing/conformance/model_weights.hpp>
#include <cuecard/testing/conformance/sequences.hpp>
#include <cuecard/testing/packed_side.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing::conformance {

/// A function of a model's output that has a gradient at every output.
inline at::Tensor weighted_sum(const at::Tensor& output) {
  return (output * at::arange(output.numel(), at::kDouble).view(output.sizes()).cos()).sum();
}

/// Weights are used without copies: an in-place change to them changes the model, and its output changes as their gradients
/// predict, to first order.
inline void trained_weights(const MakeBackbone& make, const Weights& weights, const Batch& batch) {
  const Leaves leaves(weights);
  const std::unique_ptr<Backbone> model = make(leaves);
  const auto objective = [&](const Backbone& of) {
    const at::Tensor hidden = of.forward({batch, {}});
    return weighted_sum(of.shape().has_lm_head ? of.project({hidden, {OutputRequest::Kind::log_probs, {}}})
                                               : hidden);
  };
  objective(*model).backward();
  std::map<std::string, at::Tensor> direction;
  double slope = 0;
  uint64_t stream = 0;
  for (const auto& [name, leaf] : model->weights()) {
    const at::Tensor step = Random(5, ++stream).normal_tensor(leaf.sizes(), 1.0).to(at::kDouble);
    direction[name] = step;
    if (leaf.grad().defined())
      slope += (leaf.grad() * step).sum().item<double>();
  }
  const at::NoGradGuard frozen;
  const double size = 1e-6;
  const auto move = [&](double by) {
    for (const auto& [name, leaf] : model->weights())
      leaf.detach().add_(direction.at(name), by);
  };
  move(size);
  const double above = objective(*model).item<double>();
  CHECK(std::abs(above - objective(*make(leaves)).item<double>()) < 1e-9);
  move(-2 * size);
  const double below = objective(*model).item<double>();
  CHECK((above - below) / (2 * size) == doctest::Approx(slope).epsilon(1e-5));
}

/// Random updates of one linear layer.
struct LayerUpdates {
  LowRankUpdate low_rank;
  Rescaling of_output, of_input;

  LayerUpdates(const LinearLayer& layer, Random& random)
      : low_rank{layer.weight, random.normal_tensor({2, layer.in}, 0.5),
                 random.normal_tensor({layer.out, 2}, 0.5), 0.7},
        of_output{layer.weight, 1 + random.normal_tensor({layer.out}, 0.5)},
        of_input{layer.weight, 1 + random.normal_tensor({layer.in}, 0.5), true} {}
};

/// Whether the files hold weights [in, out]. Square ones do not show it, so all layers are checked.
inline bool stores_transposed(const Backbone& model) {
  for (const LinearLayer& layer : model.linear_layers())
    if (model.weights().at(layer.weight).sizes() != at::IntArrayRef({layer.out, layer.in}))
      return true;
  return false;
}

/// Each update of each linear layer gives the hidden states of a model whose weights were changed accordingly.
inline void updates_of_linear_layers(const MakeBackbone& make, const Weights& weights, const Batch& batch) {
  const DoubleWeights base(weights);
  const std::unique_ptr<Backbone> model = make(base);
  const bool transposed = stores_transposed(*model);
  REQUIRE(!model->linear_layers().empty());
  const at::Tensor unchanged = model->forward({batch, {}, nullptr, true});
  const auto compare = [&](const Conditioning& conditioning, const ChangedWeights::Changes& changes) {
    const std::unique_ptr<Backbone> changed = make(ChangedWeights(base, changes));
    for (const bool all_tokens : {false, true}) {
      CAPTURE(all_tokens);
      const at::Tensor expected = changed->forward({batch, {}, nullptr, all_tokens});
      CHECK(same(model->forward({batch, conditioning, nullptr, all_tokens}), expected));
      if (all_tokens)
        CHECK(!at::allclose(expected, unchanged, 1e-9, 1e-9));
    }
  };
  /// In the orientation of the files.
  const auto stored = [&](const at::Tensor& matrix) { return transposed ? matrix.t() : matrix; };
  Random random(7);
  for (const LinearLayer& layer : model->linear_layers()) {
    CAPTURE(layer.weight);
    REQUIRE(layer.weight.ends_with(".weight"));
    CHECK(stored(model->weights().at(layer.weight)).sizes() == at::IntArrayRef({layer.out, layer.in}));
    const std::string bias = layer.weight.substr(0, layer.weight.size() - 6) + "bias";
    const LayerUpdates updates(layer, random);
    const at::Tensor product =
        (updates.low_rank.b.to(at::kDouble).matmul(updates.low_rank.a.to(at::kDouble))) * 0.7;
    Conditioning low_rank, of_output, of_input;
    low_rank.low_rank = {updates.low_rank};
    compare(low_rank, {{layer.weight, [&](const at::Tensor& w) { return w + stored(product); }}});
    of_output.rescalings = {updates.of_output};
    compare(of_output,
            {{layer.weight,
              [&](const at::Tensor& w) { return w * stored(updates.of_output.factors.unsqueeze(1)); }},
             {bias, [&](const at::Tensor& b) { return b * updates.of_output.factors; }}});
    of_input.rescalings = {updates.of_input};
    compare(of_input, {{layer.weight, [&](const at::Tensor& w) {
                          return w * stored(updates.of_input.factors.unsqueeze(0));
                        }}});
  }
}

/// Updates of every linear layer.
inline Conditioning updates_everywhere(const Backbone& model, uint64_t seed) {
  Conditioning conditioning;
  Random random(seed);
  for (const LinearLayer& layer : model.linear_layers()) {
    const LayerUpdates updates(layer, random);
    conditioning.low_rank.push_back(updates.low_rank);
    conditioning.rescalings.push_back(updates.of_output);
    conditioning.rescalings.push_back(updates.of_input);
  }
  return conditioning;
}

/// Adds `more`, of card `card` (-1: every card), to `batch`.
inline void add(BatchConditioning& batch, const Conditioning& more, int64_t card) {
  batch.low_rank.insert(batch.low_rank.end(), more.low_rank.begin(), more.low_rank.end());
  batch.rescalings.insert(batch.rescalings.end(), more.rescalings.begin(), more.rescalings.end());
  batch.low_rank_cards.resize(batch.low_rank.size(), card);
  batch.rescaling_cards.resize(batch.rescalings.size(), card);
}

/// A batch of some of three sequences (or pairs of them).
using MakeBatch = std::function<Batch(const std::vector<std::size_t>& which)>;

/// Sequences of cards with different updates give the same in one batch, in any order, as each alone with its own updates.
inline void updates_of_cards(const MakeBackbone& make, const Weights& weights, const MakeBatch& batch_with) {
  const DoubleWeights base(weights);
  const std::unique_ptr<Backbone> model = make(base);
  const Conditioning a = updates_everywhere(*model, 1), b = updates_everywhere(*model, 2);
  enum class Other { none, of_card_1, of_every_card };
  for (const std::vector<int64_t>& cards : {std::vector<int64_t>{0, 1, 0}, {0, 0, 1}, {1, 0, 0}, {1, 1, 1}})
    for (const Other other : {Other::none, Other::of_card_1, Other::of_every_card})
      for (const bool all_tokens : {false, true}) {
        CAPTURE(cards);
        CAPTURE(static_cast<int>(other));
        CAPTURE(all_tokens);
        BatchConditioning mixed;
        add(mixed, a, 0);
        if (other != Other::none)
          add(mixed, b, other == Other::of_card_1 ? 1 : -1);
        const Batch together = with_cards(batch_with({0, 1, 2}), cards);
        std::vector<at::Tensor> alone;
        for (std::size_t s = 0; s < cards.size(); ++s) {
          BatchConditioning own;
          if (cards[s] == 0)
            add(own, a, -1);
          if (other == Other::of_every_card || (other == Other::of_card_1 && cards[s] == 1))
            add(own, b, -1);
          alone.push_back(model->forward({batch_with({s}), own, nullptr, all_tokens}));
        }
        CHECK(same(model->forward({together, mixed, nullptr, all_tokens}), at::cat(alone)));
      }
}

/// Dropout of a low-rank update is drawn by the pass's seed, and there is none when the pass does not train.
inline void dropout_of_updates(const Backbone& model, const Batch& batch) {
  const Conditioning updates = updates_everywhere(model, 1);
  const auto run = [&](double rate, const Pass& pass) {
    Conditioning dropped = updates;
    for (LowRankUpdate& update : dropped.low_rank)
      update.dropout = rate;
    BatchConditioning conditioning(dropped);
    conditioning.pass = pass;
    return model.forward({batch, conditioning});
  };
  const at::Tensor plain = run(0, {true, 3}), dropped = run(0.5, {true, 3});
  CHECK(at::equal(run(0.5, {false, 3}), plain));
  CHECK(at::equal(run(0.5, {true, 3}), dropped));
  CHECK(!same(dropped, plain));
  CHECK(!same(run(0.5, {true, 4}), dropped));
}

/// Gradients of everything that a conditioning holds match the change of the output, to first order.
inline void gradients_of_conditioning(const MakeBackbone& make, const Weights& weights, Batch batch) {
  const DoubleWeights base(weights);
  const std::unique_ptr<Backbone> model = make(base);
  const bool late = input_layers(model->shape()) > 1;
  if (late)
    batch = with_late_tokens(std::move(batch), {2, 1}, {1, input_layers(model->shape()) - 1});
  batch = with_cards(std::move(batch), {1, 0});
  BatchConditioning conditioning;
  add(conditioning, updates_everywhere(*model, 1), 0);
  add(conditioning, updates_everywhere(*model, 2), -1);
  if (late)
    conditioning.late_embeddings = random_states(*model, 3, 3);
  std::vector<at::Tensor*> tensors;
  for (LowRankUpdate& update : conditioning.low_rank)
    tensors.insert(tensors.end(), {&update.a, &update.b});
  for (Rescaling& rescaling : conditioning.rescalings)
    tensors.push_back(&rescaling.factors);
  if (late)
    tensors.push_back(&conditioning.late_embeddings);
  for (at::Tensor* tensor : tensors)
    *tensor = tensor->to(at::kDouble).set_requires_grad(true);
  weighted_sum(model->forward({batch, conditioning})).backward();
  double slope = 0;
  Random random(5);
  std::vector<at::Tensor> direction;
  for (const at::Tensor* tensor : tensors) {
    REQUIRE(tensor->grad().defined());
    direction.push_back(random.normal_tensor(tensor->sizes(), 1.0).to(at::kDouble));
    slope += (tensor->grad() * direction.back()).sum().item<double>();
  }
  const at::NoGradGuard frozen;
  const double size = 1e-6;
  const auto value_after = [&](double by) {
    for (std::size_t i = 0; i < tensors.size(); ++i)
      tensors[i]->add_(direction[i], by);
    return weighted_sum(model->forward({batch, conditioning})).item<double>();
  };
  const double above = value_after(size), below = value_after(-2 * size);
  CHECK((above - below) / (2 * size) == doctest::Approx(slope).epsilon(1e-5));
}

} // namespace cuecard::testing::conformance
