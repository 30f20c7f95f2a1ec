// What must hold for any weights; parity with transformers is in tests/parity.
#include "llama.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/packed_side.hpp>
#include <cuecard/testing/random_weights.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::testing;
using llama::Llama;

namespace {

Configuration small() {
  Configuration c("config.json");
  for (const auto& [key, value] : {std::pair<const char*, int64_t>{"num_hidden_layers", 2},
                                   {"hidden_size", 24},
                                   {"num_attention_heads", 4},
                                   {"num_key_value_heads", 2},
                                   {"head_dim", 6},
                                   {"intermediate_size", 40},
                                   {"vocab_size", 50},
                                   {"max_position_embeddings", 32}})
    c.set(key, value);
  return c;
}

const RandomWeights weights(1);
const std::vector<int64_t> front{7, 8, 9, 10}, first{11, 12, 13}, second{14, 15};

std::vector<int64_t> joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

} // namespace

TEST_CASE("rows laid once in front of several sequences equal rows laid in each") {
  const Configuration c = small();
  const Llama model({c, &weights});
  const at::Tensor apart = model.forward({batch_of({joined(front, first), joined(front, second)}), {}});
  const at::Tensor shared = model.forward({batch_of({front, first, second}, {-1, 0, 0}), {}});
  CHECK(at::allclose(apart, shared, 1e-5, 1e-5));
}

TEST_CASE("rows from a past equal rows that are forwarded again") {
  const Configuration c = small();
  const Llama model({c, &weights});
  Past kept;
  const Batch early = batch_of({front});
  model.forward({early, {}, &kept});
  Batch late = batch_of({first, second});
  late.past = std::make_shared<const Past>(kept);
  late.input.past_of = {0, 0};
  const at::Tensor whole = model.forward({batch_of({joined(front, first), joined(front, second)}), {}});
  CHECK(at::allclose(model.forward({late, {}}), whole, 1e-5, 1e-5));
}

TEST_CASE("a past that grows row by row, and forks, equals everything forwarded at once") {
  const Configuration c = small();
  const Llama model({c, &weights});
  const auto past = std::make_shared<Past>();
  const Batch early = batch_of({front, {3, 4}});
  model.forward({early, {}, past.get()});
  CHECK(past->fork(0) == 2);
  const std::vector<std::vector<int64_t>> steps{{5, 6, 7}, {8, 9, 10}, {11, 12, 13}};
  std::vector<std::vector<int64_t>> whole{front, {3, 4}, front};
  for (const std::vector<int64_t>& step : steps) {
    Batch batch = batch_of({{step[0]}, {step[1]}, {step[2]}});
    batch.past = past;
    batch.input.past_of = {0, 1, 2};
    const at::Tensor got = model.forward({batch, {}, past.get()});
    for (std::size_t s = 0; s < 3; ++s)
      whole[s].push_back(step[s]);
    CHECK(at::allclose(got, model.forward({batch_of(whole), {}}), 1e-5, 1e-5));
  }
  CHECK(past->sequences() == 3);
  CHECK(past->length(2) == 7);
  const Past alone = past->select({2});
  CHECK(alone.length(0) == 7);
  CHECK(alone.layers[1].key.size(0) == 7);
}

TEST_CASE("an answer in front of which a text and a shared front stand sees both") {
  const Configuration c = small();
  const Llama model({c, &weights});
  const at::Tensor apart =
      model.forward({batch_of({joined(joined(front, first), {5}), joined(joined(front, first), {6, 7})}), {}});
  Batch nested = batch_of({front, first, {5}, {6, 7}}, {-1, 0, 1, 1});
  nested.input.positions = long_tensor({0, 1, 2, 3, 4, 5, 6, 7, 7, 8});
  CHECK(at::allclose(apart, model.forward({nested, {}}), 1e-5, 1e-5));
}

TEST_CASE("log-probabilities of given tokens are those among all") {
  const Configuration c = small();
  const Llama model({c, &weights});
  at::Tensor hidden = Random(3).normal_tensor({70, 24}, 1.0), again = hidden.clone();
  hidden.set_requires_grad(true);
  again.set_requires_grad(true);
  const at::Tensor targets = at::arange(70, at::kLong).remainder(50);
  const at::Tensor some = model.read({hidden, {Readout::Kind::target_log_probs, {}}, targets});
  const at::Tensor all = model.read({again, {Readout::Kind::log_probs, {}}});
  const at::Tensor expected = all.gather(1, targets.unsqueeze(1)).squeeze(1);
  CHECK(at::allclose(some, expected, 1e-5, 1e-5));
  const at::Tensor weight = at::arange(70, at::kFloat).sin();
  (some * weight).sum().backward();
  (expected * weight).sum().backward();
  CHECK(at::allclose(hidden.grad(), again.grad(), 1e-4, 1e-5));
}

TEST_CASE("a soft slot that holds a word's embedding is that word") {
  const Configuration c = small();
  const Llama model({c, &weights});
  Batch soft = batch_of({joined(front, first)});
  soft.input.soft_rows = long_tensor({1, 2});
  soft.input.soft_slots = long_tensor({1, 0});
  Conditioning conditioning;
  conditioning.embeddings = model.token_rows(TokenTable::input, long_tensor({9, 8}));
  soft.input.ids[1] = soft.input.ids[2] = 0;
  CHECK(at::allclose(model.forward({soft, conditioning}), model.forward({batch_of({joined(front, first)}), {}}),
                     1e-5, 1e-5));
}

TEST_CASE("a prefix of real rows' keys and values equals those rows, positions counted") {
  const Configuration c = small();
  const Llama model({c, &weights});
  Past kept;
  model.forward({batch_of({front}), {}, &kept});
  Conditioning conditioning;
  std::vector<at::Tensor> keys, values;
  for (const Past::Layer& layer : kept.layers) {
    keys.push_back(layer.key);
    values.push_back(layer.value);
  }
  conditioning.prefixes = {{PrefixSite::self, at::stack(keys), at::stack(values), 4}};
  conditioning.prefixes_of = {{0}, {}}; // of the two cards
  Batch both = batch_of({first, second});
  both.input.cards = {0, 1};
  const at::Tensor got = model.forward({both, conditioning});
  CHECK(at::allclose(got[0], model.forward({batch_of({joined(front, first)}), {}})[0], 1e-5, 1e-5));
  CHECK(at::allclose(got[1], model.forward({batch_of({second}), {}})[0], 1e-5, 1e-5));
}

TEST_CASE("the shape is known without weights") {
  const Configuration c = small();
  const Llama model({c, nullptr});
  CHECK(model.shape().causal);
  CHECK(model.shape().head_dim == 6);
  CHECK(model.shape().vocabulary == 50);
}

TEST_CASE("what the family can't be is refused in one sentence that names the file and the key") {
  Configuration c = small();
  c.set("num_key_value_heads", int64_t{3});
  CHECK_THROWS_WITH_AS(Llama({c, nullptr}), doctest::Contains("num_key_value_heads"), DataError);
  Configuration activation = small();
  activation.set("hidden_act", std::string("gelu"));
  CHECK_THROWS_WITH_AS(Llama({activation, nullptr}), doctest::Contains("config.json: hidden_act"), DataError);
  Configuration rope = small();
  rope.set("rope_scaling.rope_type", std::string("yarn"));
  CHECK_THROWS_WITH_AS(Llama({rope, nullptr}), doctest::Contains("yarn"), DataError);
}

TEST_CASE("a sequence beyond the last position is refused with both numbers") {
  const Configuration c = small();
  const Llama model({c, &weights});
  CHECK_THROWS_WITH_AS(model.forward({batch_of({std::vector<int64_t>(33, 5)}), {}}),
                       doctest::Contains("32 positions"), DataError);
}
