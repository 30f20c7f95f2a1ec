/// For tests of backbone plugins: what must hold for any weights of a model with one stack. A family's test
/// makes a small float32 model (RandomWeights) and calls `conforms`; what only holds in causal models is
/// checked in those. Token ids up to 15 and 16 positions are used.
///
/// Uses doctest, behind LibTorch, whose logging defines CHECK, too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/backbone.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/random_weights.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing {

/// Makes the model of one configuration with the weights that it is given.
using MakeBackbone = std::function<std::unique_ptr<Backbone>(const Weights*)>;

namespace conformance {

inline const std::vector<int64_t> front{7, 8, 9, 10}, first{11, 12, 13}, second{14, 15};

inline std::vector<int64_t> joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && at::allclose(a, b, 1e-5, 1e-5);
}

/// `batch` with these rows read.
inline Batch reading(Batch batch, const std::vector<int64_t>& rows) {
  batch.answer_rows = long_tensor(rows);
  batch.answer_rows_host = rows;
  return batch;
}

/// A sequence in a batch is read as if it were alone, whichever rows are read.
inline void batch_invariance(const Backbone& model) {
  const at::Tensor together = model.forward({batch_of({front, second, joined(first, front)}), {}});
  CHECK(same(together[0], model.forward({batch_of({front}), {}})[0]));
  CHECK(same(together[1], model.forward({batch_of({second}), {}})[0]));
  CHECK(same(together[2], model.forward({batch_of({joined(first, front)}), {}})[0]));

  const Batch both = batch_of({front, first});
  const at::Tensor all = model.forward({both, {}, nullptr, true});
  CHECK(all.size(0) == 7);
  CHECK(same(model.forward({reading(both, {1, 2, 5}), {}}), all.index_select(0, long_tensor({1, 2, 5}))));
}

/// What a row sees: in a causal model nothing behind it, else everything; and its own place.
inline void sight(const Backbone& model) {
  const at::Tensor row = model.forward({reading(batch_of({{7, 8, 9}}), {1}), {}});
  const at::Tensor other_behind = model.forward({reading(batch_of({{7, 8, 10}}), {1}), {}});
  CHECK(at::allclose(row, other_behind, 1e-3, 1e-3) == model.shape().causal);
  const at::Tensor order = model.forward({batch_of({{7, 8, 9}}), {}});
  CHECK(!at::allclose(order, model.forward({batch_of({{8, 7, 9}}), {}}), 1e-3, 1e-3));
}

/// A soft slot that holds a word's embedding is that word; so is a trigger slot that holds its id.
inline void slots(const Backbone& model) {
  const at::Tensor whole = model.forward({batch_of({joined(front, first)}), {}});
  Batch soft = batch_of({joined(front, first)});
  soft.input.ids[1] = soft.input.ids[2] = 0;
  Batch trigger = soft;
  trigger.input.ids = soft.input.ids.clone();
  soft.input.soft_rows = long_tensor({1, 2});
  soft.input.soft_slots = long_tensor({1, 0});
  Conditioning rows;
  rows.embeddings = model.token_rows(TokenTable::input, long_tensor({9, 8}));
  CHECK(same(model.forward({soft, rows}), whole));
  trigger.input.trigger_rows = long_tensor({1, 2});
  trigger.input.trigger_slots = long_tensor({1, 0});
  Conditioning tokens;
  tokens.triggers = long_tensor({9, 8});
  CHECK(same(model.forward({trigger, tokens}), whole));
}

/// A past as a prefix of each layer's keys and values.
inline Prefix prefix_of(const Past& past) {
  std::vector<at::Tensor> keys, values;
  for (const Past::Layer& layer : past.layers) {
    keys.push_back(layer.key.narrow(0, 0, past.length(0)));
    values.push_back(layer.value.narrow(0, 0, past.length(0)));
  }
  return {PrefixSite::self, at::stack(keys), at::stack(values), past.length(0)};
}

/// A prefix of real rows' keys and values equals those rows, positions counted, for the card that has it. What
/// real rows have in later layers of a model that sees both ways depends on what stands behind them, so there
/// the model must have one layer.
inline void prefix(const Backbone& model) {
  REQUIRE((model.shape().causal || model.shape().layers == 1));
  Past kept;
  model.forward({batch_of({front}), {}, &kept});
  Conditioning conditioning;
  conditioning.prefixes = {prefix_of(kept)};
  conditioning.prefixes_of = {{0}, {}}; // of the two cards
  Batch both = batch_of({first, second});
  both.input.cards = {0, 1};
  const at::Tensor got = model.forward({both, conditioning});
  CHECK(same(got[0], model.forward({batch_of({joined(front, first)}), {}})[0]));
  CHECK(same(got[1], model.forward({batch_of({second}), {}})[0]));
}

/// Rows laid once in front of several sequences equal rows laid in each; so do rows laid once in front of
/// others laid once.
inline void shared_rows(const Backbone& model) {
  const at::Tensor apart = model.forward({batch_of({joined(front, first), joined(front, second)}), {}});
  CHECK(same(apart, model.forward({batch_of({front, first, second}, {-1, 0, 0}), {}})));

  const std::vector<int64_t> text = joined(front, first);
  const at::Tensor answers = model.forward({batch_of({joined(text, {5}), joined(text, {6, 7})}), {}});
  Batch nested = batch_of({front, first, {5}, {6, 7}}, {-1, 0, 1, 1});
  nested.input.positions = long_tensor({0, 1, 2, 3, 4, 5, 6, 7, 7, 8});
  CHECK(same(answers, model.forward({nested, {}})));
}

/// Rows from a past equal rows that are forwarded again: a past of two sequences that forks and grows row by
/// row.
inline void past(const Backbone& model) {
  Past kept;
  model.forward({batch_of({front}), {}, &kept});
  Batch late = batch_of({first, second});
  late.past = std::make_shared<const Past>(kept);
  late.input.past_of = {0, 0};
  CHECK(same(model.forward({late, {}}),
             model.forward({batch_of({joined(front, first), joined(front, second)}), {}})));

  const auto growing = std::make_shared<Past>();
  model.forward({batch_of({front, {3, 4}}), {}, growing.get()});
  REQUIRE(growing->fork(0) == 2);
  const std::vector<std::vector<int64_t>> steps{{5, 6, 7}, {8, 9, 10}, {11, 12, 13}};
  std::vector<std::vector<int64_t>> whole{front, {3, 4}, front};
  for (const std::vector<int64_t>& step : steps) {
    Batch batch = batch_of({{step[0]}, {step[1]}, {step[2]}});
    batch.past = growing;
    batch.input.past_of = {0, 1, 2};
    const at::Tensor got = model.forward({batch, {}, growing.get()});
    for (std::size_t s = 0; s < 3; ++s)
      whole[s].push_back(step[s]);
    CHECK(same(got, model.forward({batch_of(whole), {}})));
  }
  CHECK(growing->sequences() == 3);
  CHECK(growing->length(2) == 7);
  const Past alone = growing->select({2});
  CHECK(alone.length(0) == 7);
  CHECK(alone.layers.back().key.size(0) == 7);
}

/// Scores of some rows, normalised scores and those of given tokens are the same numbers, gradients included.
inline void readouts(const Backbone& model) {
  const int64_t rows = 70, vocabulary = model.shape().vocabulary;
  at::Tensor hidden = Random(3).normal_tensor({rows, model.shape().hidden}, 1.0), again = hidden.clone();
  hidden.set_requires_grad(true);
  again.set_requires_grad(true);
  const at::Tensor targets = at::arange(rows, at::kLong).remainder(vocabulary);
  const at::Tensor some = model.read({hidden, {Readout::Kind::target_log_probs, {}}, targets});
  const at::Tensor all = model.read({again, {Readout::Kind::log_probs, {}}});
  const at::Tensor expected = all.gather(1, targets.unsqueeze(1)).squeeze(1);
  CHECK(same(some, expected));
  const at::Tensor scores = model.read({hidden, {Readout::Kind::scores, {}}});
  CHECK(same(at::log_softmax(scores, 1), all));
  const at::Tensor ids = long_tensor({3, 9});
  CHECK(same(model.read({hidden, {Readout::Kind::scores, ids}}), scores.index_select(1, ids)));
  const at::Tensor weight = at::arange(rows, at::kFloat).sin();
  (some * weight).sum().backward();
  (expected * weight).sum().backward();
  CHECK(at::allclose(hidden.grad(), again.grad(), 1e-4, 1e-5));
}

/// Weights that are learned: float64 leaves, the same tensors whoever asks.
class Leaves final : public Weights {
public:
  explicit Leaves(const Weights& below) : below_(below) {}

  bool has(std::string_view name) const override { return below_.has(name); }
  std::vector<std::string> names() const override { return below_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    at::Tensor& leaf = leaves_[std::string(name)];
    if (!leaf.defined())
      leaf = below_.get(name, shape).to(at::kDouble).set_requires_grad(true);
    return leaf;
  }

private:
  const Weights& below_;
  mutable std::map<std::string, at::Tensor> leaves_;
};

/// Weights are kept as they are given: a change of them in place is a change of the model, and the change of
/// the model's output is what their gradients say it is, to first order.
inline void learned_weights(const MakeBackbone& make, const Weights& weights) {
  const Leaves leaves(weights);
  const std::unique_ptr<Backbone> model = make(&leaves);
  const Batch batch = batch_of({joined(front, first), second});
  const auto objective = [&](const Backbone& of) {
    const at::Tensor hidden = of.forward({batch, {}});
    const at::Tensor read =
        of.shape().scores_vocabulary ? of.read({hidden, {Readout::Kind::log_probs, {}}}) : hidden;
    return (read * at::arange(read.numel(), at::kDouble).view(read.sizes()).cos()).sum();
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
  CHECK(std::abs(above - objective(*make(&leaves)).item<double>()) < 1e-9);
  move(-2 * size);
  const double below = objective(*model).item<double>();
  CHECK((above - below) / (2 * size) == doctest::Approx(slope).epsilon(1e-5));
}

} // namespace conformance

/// The model that `make` makes of `weights`, and of none.
inline void conforms(const MakeBackbone& make, const Weights& weights) {
  using namespace conformance;
  const std::unique_ptr<Backbone> model = make(&weights);
  const BackboneShape &shape = model->shape(), bare = make(nullptr)->shape();
  CHECK(bare.family == shape.family);
  CHECK(std::vector{bare.layers, bare.hidden, bare.heads, bare.kv_heads, bare.head_dim, bare.vocabulary} ==
        std::vector{shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.head_dim, shape.vocabulary});
  CHECK(model->token_rows(TokenTable::input, long_tensor({1, 0})).sizes() ==
        at::IntArrayRef({2, shape.embedding_width}));
  batch_invariance(*model);
  sight(*model);
  slots(*model);
  if (shape.causal || shape.layers == 1)
    prefix(*model);
  if (shape.causal) {
    shared_rows(*model);
    past(*model);
  }
  if (shape.scores_vocabulary)
    readouts(*model);
  learned_weights(make, weights);
}

/// A configuration from "config.json", with `more` added to `values` or instead of what they have.
inline Configuration configuration_of(const std::map<std::string, Configuration::Value>& values,
                                      const std::map<std::string, Configuration::Value>& more = {}) {
  Configuration configuration("config.json");
  for (const auto& each : {values, more})
    for (const auto& [key, value] : each)
      configuration.set(key, value);
  return configuration;
}

} // namespace cuecard::testing
