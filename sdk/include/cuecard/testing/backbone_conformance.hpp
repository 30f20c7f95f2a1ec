/// For tests of backbone plugins: what must hold for any weights of a model. A family's test makes a small
/// float32 model (RandomWeights) and calls `conforms`; what only holds in causal models is checked in those.
/// Models with an encoder and a decoder call `conforms_encoder_decoder`. Every check compares with a direct
/// computation of the same numbers. Token ids up to 15 and 16 positions are used. It is longer than other headers because a test includes
/// one file and the checks share their small batches.
///
/// Uses doctest, included after LibTorch, whose logging also defines CHECK.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/random_weights.hpp>

#include <doctest/doctest.h>

namespace cuecard::testing {

/// Makes the model of one configuration with the given weights.
using MakeBackbone = std::function<std::unique_ptr<Backbone>(const Weights&)>;

template <class Model>
MakeBackbone maker_of(const Configuration& configuration) {
  return [configuration](const Weights& weights) {
    return std::make_unique<Model>(BackboneArguments{configuration, weights});
  };
}

/// What comes before the first layer of a family's model and after the last, for ForwardArgs::layers.
struct OutsideLayers {
  /// The input [n, hidden] of layer 0 for tokens `ids` [n] at `positions` [n]. Empty: not checked.
  std::function<at::Tensor(const Backbone& model, const at::Tensor& ids, const at::Tensor& positions)> embed =
      {};
  /// The final norm of `x` [n, hidden]. Empty: the model has none.
  std::function<at::Tensor(const Backbone& model, const at::Tensor& x)> final_norm = {};
};

/// The weight whose name ends with `ending`, whatever precedes it; undefined when there is none.
inline at::Tensor weight_ending(const Backbone& model, std::string_view ending) {
  for (const auto& [name, weight] : model.weights())
    if (name.ends_with(ending))
      return weight;
  return {};
}

/// OutsideLayers of BERT and its descendants: norm(words + positions + segment 0), then ELECTRA's projection
/// where there is one. Positions begin at row `first_position` of their table.
inline OutsideLayers outside_bert_layers(int64_t first_position = 0) {
  const auto embed = [first_position](const Backbone& model, const at::Tensor& ids,
                                      const at::Tensor& positions) {
    const auto weight = [&](const char* name) {
      return weight_ending(model, std::string("embeddings") + name);
    };
    at::Tensor x = weight(".word_embeddings.weight").index_select(0, ids) +
                   weight(".position_embeddings.weight").index_select(0, positions + first_position);
    if (const at::Tensor segments = weight(".token_type_embeddings.weight"); segments.defined())
      x = x + segments[0];
    x = at::layer_norm(x, {x.size(1)}, weight(".LayerNorm.weight"), weight(".LayerNorm.bias"), 1e-12);
    const at::Tensor projection = weight("_project.weight");
    return projection.defined() ? at::linear(x, projection, weight("_project.bias")) : x;
  };
  return {embed, {}};
}

namespace conformance {

inline const std::vector<int64_t> front{7, 8, 9, 10}, first{11, 12, 13}, second{14, 15};

inline std::vector<int64_t> joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Equal up to rounding.
inline bool same(const at::Tensor& a, const at::Tensor& b) {
  const double tolerance = a.scalar_type() == at::kDouble ? 1e-10 : 1e-5;
  return a.sizes() == b.sizes() && at::allclose(a, b, tolerance, tolerance);
}

/// The same weights in float64.
class DoubleWeights final : public Weights {
public:
  explicit DoubleWeights(const Weights& base) : base_(base) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return base_.get(name, shape).to(at::kDouble);
  }

private:
  const Weights& base_;
};

/// The same weights with matrices rounded to bfloat16, which are stored ones if `stored`.
class RoundedWeights final : public Weights {
public:
  RoundedWeights(const Weights& base, bool stored) : base_(base), stored_(stored) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor tensor = base_.get(name, shape);
    return tensor.dim() == 2 ? tensor.to(at::kBFloat16).to(at::kFloat) : tensor;
  }
  at::Tensor matrix(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor tensor = base_.get(name, shape);
    return stored_ && tensor.dim() == 2
               ? stored_matrix(tensor.to(at::kBFloat16).view(at::kByte), *block_type(bf16_id))
               : get(name, shape);
  }

private:
  const Weights& base_;
  bool stored_;
};

/// Weights some of which are changed.
class ChangedWeights final : public Weights {
public:
  using Changes = std::map<std::string, std::function<at::Tensor(const at::Tensor&)>, std::less<>>;

  ChangedWeights(const Weights& base, Changes changes) : base_(base), changes_(std::move(changes)) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor weight = base_.get(name, shape);
    const auto found = changes_.find(name);
    return found == changes_.end() ? weight : found->second(weight);
  }

private:
  const Weights& base_;
  Changes changes_;
};

/// Trainable weights: float64 leaves, the same tensor for every request of a name.
class Leaves final : public Weights {
public:
  explicit Leaves(const Weights& base) : base_(base) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    at::Tensor& leaf = leaves_[std::string(name)];
    if (!leaf.defined())
      leaf = base_.get(name, shape).to(at::kDouble).set_requires_grad(true);
    return leaf;
  }

private:
  const Weights& base_;
  mutable std::map<std::string, at::Tensor> leaves_;
};

/// Layers of the stack that reads the input side.
inline int64_t input_layers(const BackboneShape& shape) {
  for (const BackboneShape::Site& site : shape.sites)
    if (site.site == PrefixSite::encoder)
      return site.layers;
  return shape.layers;
}

/// A sequence in a batch gives what it gives alone, whichever tokens are selected.
inline void batch_invariance(const Backbone& model) {
  const at::Tensor together = model.forward({batch_of({front, second, joined(first, front)}), {}});
  CHECK(same(together[0], model.forward({batch_of({front}), {}})[0]));
  CHECK(same(together[1], model.forward({batch_of({second}), {}})[0]));
  CHECK(same(together[2], model.forward({batch_of({joined(first, front)}), {}})[0]));

  const Batch both = batch_of({front, first});
  const at::Tensor all = model.forward({both, {}, nullptr, true});
  CHECK(all.size(0) == 7);
  CHECK(same(model.forward({with_selected(both, {1, 2, 5}), {}}), all.index_select(0, long_tensor({1, 2, 5}))));
}

/// In a causal model a token attends to no later one, else to all; and its position matters.
inline void attention_direction(const Backbone& model) {
  const at::Tensor state = model.forward({with_selected(batch_of({{7, 8, 9}}), {1}), {}});
  const at::Tensor other_follows = model.forward({with_selected(batch_of({{7, 8, 10}}), {1}), {}});
  CHECK(same(state, other_follows) == model.shape().causal);
  const at::Tensor order = model.forward({batch_of({{7, 8, 9}}), {}});
  CHECK(!same(order, model.forward({batch_of({{8, 7, 9}}), {}})));
}

/// A soft slot that holds a word's embedding is that word; so is a trigger slot that holds its id.
inline void slots(const Backbone& model) {
  const at::Tensor whole = model.forward({batch_of({joined(front, first)}), {}});
  Batch soft = batch_of({joined(front, first)});
  soft.input.ids[1] = soft.input.ids[2] = 0;
  Batch trigger = soft;
  trigger.input.ids = soft.input.ids.clone();
  soft.input.soft_tokens = long_tensor({1, 2});
  soft.input.soft_slots = long_tensor({1, 0});
  Conditioning embeddings;
  embeddings.embeddings = model.token_vectors(TokenTable::input, long_tensor({9, 8}));
  CHECK(same(model.forward({soft, embeddings}), whole));
  trigger.input.trigger_tokens = long_tensor({1, 2});
  trigger.input.trigger_slots = long_tensor({1, 0});
  Conditioning tokens;
  tokens.triggers = long_tensor({9, 8});
  CHECK(same(model.forward({trigger, tokens}), whole));
}

/// A prefix of real tokens' keys and values equals those tokens, positions counted, for the card and the input
/// that have it. Real tokens' keys in later layers of a bidirectional model depend on what follows them, so
/// such a model must have one layer here.
inline void prefix(const Backbone& model) {
  REQUIRE((model.shape().causal || model.shape().layers == 1));
  BatchConditioning conditioning;
  conditioning.prefixes = {keys_and_values(model, long_tensor(front))};
  conditioning.prefix_cards = {0};
  const at::Tensor with = model.forward({batch_of({joined(front, first)}), {}}),
                   without = model.forward({batch_of({second}), {}});
  const Batch both = batch_of({first, second});
  const at::Tensor of_card = model.forward({with_cards(both, {0, 1}), conditioning});
  CHECK(same(of_card[0], with[0]));
  CHECK(same(of_card[1], without[0]));

  conditioning.prefixes[0].input = 2;
  Batch inputs = both;
  inputs.input.inputs = {2, 0};
  const at::Tensor of_input = model.forward({inputs, conditioning});
  CHECK(same(of_input[0], with[0]));
  CHECK(same(of_input[1], without[0]));
}

/// A parent's tokens, stored once, equal the same tokens in each of its children; so do those of a parent's
/// parent.
inline void parents(const Backbone& model) {
  const at::Tensor apart = model.forward({batch_of({joined(front, first), joined(front, second)}), {}});
  CHECK(same(apart, model.forward({batch_of({front, first, second}, {-1, 0, 0}), {}})));

  const std::vector<int64_t> text = joined(front, first);
  const at::Tensor answers = model.forward({batch_of({joined(text, {5}), joined(text, {6, 7})}), {}});
  Batch nested = batch_of({front, first, {5}, {6, 7}}, {-1, 0, 1, 1});
  nested.input.positions = long_tensor({0, 1, 2, 3, 4, 5, 6, 7, 7, 8});
  CHECK(same(answers, model.forward({nested, {}})));
}

/// `batch` with sequence s continuing the cached sequence which[s].
inline Batch continuing(Batch batch, const std::shared_ptr<const KvCache>& cache,
                        const std::vector<int64_t>& which) {
  batch.cache = cache;
  batch.input.cache_of = which;
  return batch;
}

/// Cached tokens equal tokens that are forwarded again: a cache that is shared, and one of several sequences
/// that forks and grows token by token.
inline void cache(const Backbone& model) {
  const auto kept = std::make_shared<KvCache>();
  model.forward({batch_of({front}), {}, kept.get()});
  CHECK(same(model.forward({continuing(batch_of({first, second}), kept, {0, 0}), {}}),
             model.forward({batch_of({joined(front, first), joined(front, second)}), {}})));

  const auto growing = std::make_shared<KvCache>();
  model.forward({batch_of({front, {3, 4}}), {}, growing.get()});
  REQUIRE(growing->fork(0) == 2);
  const std::vector<std::vector<int64_t>> steps{{5, 6, 7}, {8, 9, 10}, {11, 12, 13}};
  std::vector<std::vector<int64_t>> whole{front, {3, 4}, front};
  for (const std::vector<int64_t>& step : steps) {
    const Batch batch = continuing(batch_of({{step[0]}, {step[1]}, {step[2]}}), growing, {0, 1, 2});
    const at::Tensor got = model.forward({batch, {}, growing.get()});
    for (std::size_t s = 0; s < 3; ++s)
      whole[s].push_back(step[s]);
    CHECK(same(got, model.forward({batch_of(whole), {}})));
  }
  CHECK(growing->num_sequences() == 3);
  CHECK(growing->length(2) == 7);
  const auto alone = std::make_shared<KvCache>(growing->select({2}));
  CHECK(alone->num_sequences() == 1);
  CHECK(alone->length(0) == 7);
  CHECK(alone->bytes() < growing->bytes());
  CHECK(same(model.forward({continuing(batch_of({second}), alone, {0}), {}}),
             model.forward({batch_of({joined(whole[2], second)}), {}})));
}

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

/// All linear layers and the table of the words may be stored matrices, with the same hidden states, outputs and gradients.
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

/// A function of a model's output that has a gradient at every output.
inline at::Tensor weighted_sum(const at::Tensor& output) {
  return (output * at::arange(output.numel(), at::kDouble).view(output.sizes()).cos()).sum();
}

/// Weights are kept as they are given: a change of them in place is a change of the model, and the change of
/// the model's output is what their gradients say it is, to first order.
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

/// Sequences of cards with updates of their own give in one batch, in any order, what each gives alone with its
/// own.
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

/// The number of the layer that a weight belongs to: the first number between dots in its name.
inline int64_t layer_number(const std::string& weight) {
  for (std::size_t begin = 0; begin < weight.size();) {
    const std::size_t end = std::min(weight.find('.', begin), weight.size());
    const std::string part = weight.substr(begin, end - begin);
    if (!part.empty() && part.find_first_not_of("0123456789") == std::string::npos)
      return std::stoll(part);
    begin = end + 1;
  }
  return -1;
}

/// Whether some layers are one: then updates of a layer are updates of those that it is shared with.
inline bool shares_layers(const Backbone& model) {
  std::set<int64_t> numbers;
  for (const LinearLayer& each : model.linear_layers())
    numbers.insert(layer_number(each.weight));
  return static_cast<int64_t>(numbers.size()) < input_layers(model.shape());
}

/// Updates with which the layers below `layer` give the same for a token wherever it is: all that their linear
/// layers give is zero, so nothing passes from one token to another.
inline Conditioning without_attention_below(const Backbone& model, int64_t layer) {
  Conditioning conditioning;
  for (const LinearLayer& each : model.linear_layers()) {
    REQUIRE(layer_number(each.weight) >= 0);
    if (layer_number(each.weight) < layer)
      conditioning.rescalings.push_back({each.weight, at::zeros({each.out})});
  }
  return conditioning;
}

inline at::Tensor random_states(const Backbone& model, int64_t tokens, uint64_t seed) {
  return Random(seed).normal_tensor({tokens, model.shape().hidden}, 1.0);
}

/// Late tokens are as if absent below their layer, and from it on tokens like all others.
inline void late_tokens(const Backbone& model) {
  const int64_t layers = input_layers(model.shape());
  const std::vector<int64_t> places(front.size(), 0); // ids of late tokens do not matter
  for (int64_t k = 1; k < layers; ++k) {
    CAPTURE(k);
    const Batch late = with_late_tokens(batch_of({joined(places, first)}), {4}, {k});
    Conditioning arbitrary;
    arbitrary.late_embeddings = random_states(model, 4, 1);
    CHECK(same(model.forward({late, arbitrary, nullptr, false, k}).narrow(0, 4, 3),
               model.forward({batch_of({first}), {}, nullptr, false, k})));

    // The same after a prefix, which text tokens see and late tokens do not yet.
    const BackboneShape::Site site = *std::find_if(
        model.shape().sites.begin(), model.shape().sites.end(), [&](const BackboneShape::Site& each) {
          return each.site == (model.shape().encoder_decoder ? PrefixSite::encoder : PrefixSite::self);
        });
    const std::vector<int64_t> size{site.layers, 2, site.kv_heads, site.head_dim};
    arbitrary.prefixes = {
        {site.site, Random(2).normal_tensor(size, 1.0), Random(3).normal_tensor(size, 1.0), 2}};
    CHECK(same(model.forward({late, arbitrary, nullptr, false, k}).narrow(0, 4, 3),
               model.forward({batch_of({first}), arbitrary, nullptr, false, k})));

    // When layers below k pass nothing between tokens, tokens that enter with the states of real ones are
    // those.
    if (shares_layers(model))
      continue;
    const Conditioning silent = without_attention_below(model, k);
    Batch real = batch_of({joined(front, first)});
    real.input.positions = late.input.positions;
    Conditioning entering = silent;
    entering.late_embeddings = model.forward({real, silent, nullptr, false, k}).narrow(0, 0, 4);
    CHECK(same(model.forward({late, entering, nullptr, true}), model.forward({real, silent, nullptr, true})));
    CHECK(same(model.forward({late, entering}), model.forward({real, silent})));
    CHECK(!same(model.forward({late, entering}), model.forward({batch_of({first}), silent})));
  }
}

/// Sequences whose late tokens differ in number and layer, and one without, give in one batch what each gives
/// alone.
inline void late_tokens_in_batch(const Backbone& model) {
  const int64_t layers = input_layers(model.shape());
  if (layers < 2)
    return;
  const std::vector<std::vector<int64_t>> sequences{
      {0, 0, 11, 12, 13}, {14, 15, 7}, {0, 0, 0, 8, 9}, {0, 10, 11}};
  const std::vector<int64_t> lengths{2, 0, 3, 1}, enters{layers - 1, 0, 1, layers - 1};
  Conditioning conditioning;
  conditioning.late_embeddings = random_states(model, 6, 1);
  const Batch together = with_cards(with_late_tokens(batch_of(sequences), lengths, enters), {0, 1, 2, 0});
  std::vector<at::Tensor> selected, all;
  int64_t slot = 0;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const Batch alone = with_late_tokens(batch_of({sequences[s]}), {lengths[s]}, {enters[s]});
    Conditioning own;
    own.late_embeddings = conditioning.late_embeddings.narrow(0, slot, lengths[s]);
    slot += lengths[s];
    selected.push_back(model.forward({alone, own}));
    all.push_back(model.forward({alone, own, nullptr, true}));
  }
  CHECK(same(model.forward({together, conditioning}), at::cat(selected)));
  CHECK(same(model.forward({together, conditioning, nullptr, true}), at::cat(all)));
}

/// Late tokens that are cached, or stored once for several sequences, equal late tokens in each sequence.
inline void cached_late_tokens(const Backbone& model) {
  for (int64_t k = 1; k < model.shape().layers; ++k) {
    CAPTURE(k);
    Conditioning once, twice;
    once.late_embeddings = random_states(model, 3, 1);
    twice.late_embeddings = once.late_embeddings.repeat({2, 1});
    const std::vector<int64_t> places{0, 0, 0}, begin = joined(places, front);
    const auto whole = [&](const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
      return model.forward({with_late_tokens(batch_of({a, b}), {3, 3}, {k, k}), twice});
    };
    const at::Tensor expected = whole(joined(begin, first), joined(begin, second));
    CHECK(
        same(model.forward(
                 {with_late_tokens(batch_of({begin, first, second}, {-1, 0, 0}), {3, 0, 0}, {k, 0, 0}), once}),
             expected));

    const auto kept = std::make_shared<KvCache>();
    model.forward({with_late_tokens(batch_of({begin}), {3}, {k}), once, kept.get()});
    CHECK(kept->length(0) == 7);
    CHECK(kept->next_position(0) == 4);
    CHECK(same(model.forward({continuing(batch_of({first, second}), kept, {0, 0}), {}}), expected));

    // Late tokens alone, of which one sequence is a part of a longer one.
    const auto only = std::make_shared<KvCache>();
    model.forward({with_late_tokens(batch_of({places}), {3}, {k}), once, only.get()});
    CHECK(only->next_position(0) == 0);
    const at::Tensor from_late =
        model.forward({continuing(batch_of({joined(front, first), joined(front, second)}), only, {0, 0}), {}});
    CHECK(same(from_late, expected));
    CHECK(kept->fork(0, 3) == 1);
    CHECK(kept->next_position(1) == 0);
    const int64_t copied = kept->copy(*only, 0, 3);
    for (const int64_t cached : {int64_t{1}, copied})
      CHECK(same(model.forward({continuing(batch_of({joined(front, first)}), kept, {cached}), {}}),
                 expected.narrow(0, 0, 1)));
    const auto chosen = std::make_shared<KvCache>(kept->select({1, 0}));
    CHECK(same(model.forward({continuing(batch_of({joined(front, first), second}), chosen, {0, 1}), {}}),
               expected));

    // Token by token.
    std::vector<int64_t> a = begin, b = joined(places, second);
    const auto growing = std::make_shared<KvCache>();
    model.forward({with_late_tokens(batch_of({a, b}), {3, 3}, {k, k}), twice, growing.get()});
    for (const int64_t token : {5, 6, 7}) {
      a.push_back(token);
      b.push_back(token + 3);
      const Batch step = continuing(batch_of({{token}, {token + 3}}), growing, {0, 1});
      CHECK(same(model.forward({step, {}, growing.get()}), whole(a, b)));
    }
  }
}

/// A pass over some of the layers: the embeddings, what the final norm is applied to, and the same in between
/// whether other tokens are in the batch or not.
inline void some_layers(const Backbone& model, const OutsideLayers& outside) {
  const int64_t layers = input_layers(model.shape());
  const Batch batch = batch_of({joined(front, first), second});
  const auto after = [&](const Batch& of, int64_t count) {
    return model.forward({of, {}, nullptr, false, count});
  };
  for (int64_t count = 0; count <= layers; ++count) {
    CAPTURE(count);
    const at::Tensor states = after(batch, count);
    REQUIRE(states.sizes() == at::IntArrayRef({9, model.shape().hidden}));
    CHECK(same(states.narrow(0, 7, 2), after(batch_of({second}), count)));
  }
  if (outside.embed)
    CHECK(same(after(batch, 0), outside.embed(model, batch.input.ids, batch.input.positions)));
  // Embeddings depend on nothing but the token and its position.
  CHECK(same(after(batch, 0).narrow(0, 0, 1), after(batch_of({{7, 15}}), 0).narrow(0, 0, 1)));
  CHECK(!same(after(batch, 1).narrow(0, 7, 2), after(batch, 0).narrow(0, 7, 2)));
  const at::Tensor last = after(batch, layers);
  CHECK(same(outside.final_norm ? outside.final_norm(model, last) : last,
             model.forward({batch, {}, nullptr, true})));
}

/// Gradients of all that a conditioning holds are what the change of the output says, to first order.
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

inline void shape_without_weights(const BackboneShape& described, const Backbone& model) {
  const BackboneShape& shape = model.shape();
  CHECK(described.family == shape.family);
  CHECK(std::vector{described.layers, described.hidden, described.heads, described.kv_heads, described.head_dim,
                    described.vocabulary, described.max_positions, described.embedding_width} ==
        std::vector{shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.head_dim, shape.vocabulary,
                    shape.max_positions, shape.embedding_width});
  CHECK(model.token_vectors(TokenTable::input, long_tensor({1, 0})).sizes() ==
        at::IntArrayRef({2, shape.embedding_width}));
}

} // namespace conformance

/// For a model with one stack: `Model` is made from BackboneArguments and has a static `describe`.
template <class Model>
void conforms(const Configuration& configuration, const Weights& weights, const OutsideLayers& outside = {}) {
  using namespace conformance;
  const MakeBackbone make = maker_of<Model>(configuration);
  const std::unique_ptr<Backbone> model = make(weights), precise = make(DoubleWeights(weights));
  const BackboneShape& shape = model->shape();
  shape_without_weights(Model::describe(configuration), *model);
  batch_invariance(*model);
  attention_direction(*precise);
  slots(*model);
  if (shape.causal || shape.layers == 1)
    prefix(*model);
  if (shape.causal) {
    parents(*model);
    cache(*model);
    cached_late_tokens(*precise);
  }
  if (shape.has_lm_head)
    outputs(*model);
  late_tokens(*precise);
  late_tokens_in_batch(*precise);
  some_layers(*precise, outside);
  const Batch batch = batch_of({joined(front, first), second});
  trained_weights(make, weights, batch);
  stored_matrices(make, weights, batch);
  updates_of_linear_layers(make, weights, batch);
  updates_of_cards(make, weights, [](const std::vector<std::size_t>& which) {
    const std::vector<std::vector<int64_t>> sequences{joined(front, first), second, first};
    std::vector<std::vector<int64_t>> chosen;
    chosen.reserve(which.size());
    for (const std::size_t s : which)
      chosen.push_back(sequences[s]);
    return batch_of(chosen);
  });
  dropout_of_updates(*model, batch);
  gradients_of_conditioning(make, weights, batch);
}

/// For a model with an encoder and a decoder, which also runs its encoder alone, on a batch without an output
/// side.
template <class Model>
void conforms_encoder_decoder(const Configuration& configuration, const Weights& weights,
                              const OutsideLayers& outside = {}) {
  using namespace conformance;
  const MakeBackbone make = maker_of<Model>(configuration);
  const std::unique_ptr<Backbone> model = make(weights), precise = make(DoubleWeights(weights));
  shape_without_weights(Model::describe(configuration), *model);
  batch_invariance(*model);
  attention_direction(*precise);
  slots(*model);
  outputs(*model);
  late_tokens(*precise);
  late_tokens_in_batch(*precise);
  some_layers(*precise, outside);
  const MakeBatch pairs = [](const std::vector<std::size_t>& which) {
    const std::vector<std::vector<int64_t>> inputs{joined(front, first), second, first},
        outputs{{5, 7}, {5, 8, 9}, {5, 10, 11, 12}};
    std::vector<std::vector<int64_t>> of_encoder, of_decoder;
    for (const std::size_t s : which) {
      of_encoder.push_back(inputs[s]);
      of_decoder.push_back(outputs[s]);
    }
    return batch_of_pairs(of_encoder, of_decoder);
  };
  const Batch batch = pairs({0, 1});
  trained_weights(make, weights, batch);
  stored_matrices(make, weights, batch);
  updates_of_linear_layers(make, weights, batch);
  updates_of_cards(make, weights, pairs);
  dropout_of_updates(*model, batch);
  gradients_of_conditioning(make, weights, batch);
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
