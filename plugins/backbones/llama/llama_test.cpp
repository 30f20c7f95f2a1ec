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
  late.past_of = {0, 0};
  const at::Tensor whole = model.forward({batch_of({joined(front, first), joined(front, second)}), {}});
  CHECK(at::allclose(model.forward({late, {}}), whole, 1e-5, 1e-5));
}

TEST_CASE("a soft slot that holds a word's embedding is that word") {
  const Configuration c = small();
  const Llama model({c, &weights});
  Batch soft = batch_of({joined(front, first)});
  soft.input.soft_rows = long_tensor({1, 2});
  soft.input.soft_slots = long_tensor({1, 0});
  Conditioning conditioning;
  conditioning.embeddings = model.embedding_rows(long_tensor({9, 8}));
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
  conditioning.prefixes = {{PrefixSite::self, at::stack(keys), at::stack(values)}};
  conditioning.prefix_of = {{0}, {-1}};
  conditioning.position_offset = {4, 0};
  const at::Tensor got = model.forward({batch_of({first, second}), conditioning});
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
