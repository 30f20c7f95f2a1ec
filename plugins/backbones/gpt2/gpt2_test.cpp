// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "gpt2.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using gpt2::Gpt2;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"n_layer", int64_t{2}},     {"n_embd", int64_t{24}},      {"n_head", int64_t{3}},
                   {"vocab_size", int64_t{50}}, {"n_positions", int64_t{32}}, {"n_inner", int64_t{40}}};

at::Tensor embed(const Backbone& model, const at::Tensor& ids, const at::Tensor& positions) {
  return weight_ending(model, "wte.weight").index_select(0, ids) +
         weight_ending(model, "wpe.weight").index_select(0, positions);
}

at::Tensor final_norm(const Backbone& model, const at::Tensor& x) {
  return at::layer_norm(x, {x.size(1)}, weight_ending(model, "ln_f.weight"), weight_ending(model, "ln_f.bias"),
                        1e-5);
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const RandomWeights weights(1);
  const std::vector<Values> forms{
      {},
      {{"n_layer", int64_t{1}}, {"tie_word_embeddings", false}},
      {{"activation_function", std::string("relu")}, {"scale_attn_by_inverse_layer_idx", true}},
      {{"activation_function", std::string("gelu")}, {"scale_attn_weights", false}, {"n_layer", int64_t{3}}},
  };
  for (std::size_t form = 0; form < forms.size(); ++form) {
    CAPTURE(form);
    conforms<Gpt2>(configuration_of(small, forms[form]), weights, {embed, final_norm});
  }
}

TEST_CASE("a linear layer whose weight is stored transposed") {
  for (const int64_t in : {5, 300}) { // small ones and large ones take different paths
    CAPTURE(in);
    const at::Tensor weight = Random(1).normal_tensor({in, 256}, 1.0),
                     bias = Random(2).normal_tensor({256}, 1.0);
    const at::Tensor x = Random(3).normal_tensor({4, in}, 1.0);
    CHECK(at::allclose(Linear{weight.t(), bias}(x), at::matmul(x, weight) + bias, 1e-4, 1e-4));
  }
}

TEST_CASE("tensors keep the names and the orientation of the checkpoint, with and without its stack's name") {
  const Configuration c = configuration_of(small);
  const RandomWeights whole(1, [](std::string_view name) { return name == "lm_head.weight"; }),
      bare(1,
           [](std::string_view name) { return name == "lm_head.weight" || name.starts_with("transformer."); });
  const Gpt2 with({c, whole}), without({c, bare});
  CHECK(with.weights().at("transformer.h.1.attn.c_attn.weight").sizes() == at::IntArrayRef({24, 72}));
  CHECK(without.weights().at("h.1.mlp.c_fc.weight").sizes() == at::IntArrayRef({24, 40}));
  CHECK(with.weights().size() == without.weights().size());
  CHECK(with.weights().count("lm_head.weight") == 0);
}

TEST_CASE("the head is what the checkpoint has, and the table of words where it has none and ties them") {
  const Configuration tied = configuration_of(small),
                      untied = configuration_of(small, {{"tie_word_embeddings", false}});
  const RandomWeights both(1), headless(1, [](std::string_view name) { return name == "lm_head.weight"; }),
      head_only(1, [](std::string_view name) { return name.ends_with("wte.weight"); });
  const at::Tensor ids = long_tensor({3, 7});
  const auto rows = [&](const Gpt2& model, TokenTable table) { return model.token_vectors(table, ids); };
  const at::Tensor words = both.get("transformer.wte.weight", {50, 24}).index_select(0, ids),
                   head = both.get("lm_head.weight", {50, 24}).index_select(0, ids);
  CHECK(at::equal(rows(Gpt2({tied, both}), TokenTable::output), head)); // they differ, so nothing ties them
  CHECK(at::equal(rows(Gpt2({tied, both}), TokenTable::input), words));
  CHECK(at::equal(rows(Gpt2({tied, headless}), TokenTable::output), words));
  CHECK(at::equal(rows(Gpt2({tied, head_only}), TokenTable::input), head));
  const Gpt2 bare({untied, headless});
  CHECK(!bare.shape().has_lm_head);
  CHECK_THROWS_WITH_AS(bare.project({at::ones({1, 24}), {OutputRequest::Kind::logits, {}}, {}}),
                       doctest::Contains("this gpt2 checkpoint has no head over the vocabulary"), Error);
}

TEST_CASE("a key that is missing, or spelled as in other families, is what transformers takes it for") {
  const BackboneShape base = Gpt2::describe(Configuration("config.json"));
  CHECK(base.layers == 12);
  CHECK(base.hidden == 768);
  CHECK(base.heads == 12);
  CHECK(base.vocabulary == 50257);
  CHECK(base.max_positions == 1024);
  const BackboneShape other = Gpt2::describe(
      configuration_of(small, {{"num_hidden_layers", int64_t{5}}, {"max_position_embeddings", int64_t{9}}}));
  CHECK(other.layers == 5);
  CHECK(other.max_positions == 9);
}

TEST_CASE("the feed-forward is four times as wide where the configuration doesn't say") {
  Values values = small;
  values.erase("n_inner");
  const Configuration c = configuration_of(values);
  const RandomWeights weights(1);
  CHECK(Gpt2({c, weights}).weights().at("transformer.h.0.mlp.c_proj.weight").sizes() ==
        at::IntArrayRef({96, 24}));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const Configuration heads = configuration_of(small, {{"n_head", int64_t{5}}}),
                      cross = configuration_of(small, {{"add_cross_attention", true}}),
                      activation = configuration_of(small, {{"activation_function", std::string("mish")}});
  CHECK_THROWS_WITH_AS(Gpt2::describe(heads), doctest::Contains("config.json: n_embd is 24, which n_head 5"),
                       DataError);
  CHECK_THROWS_WITH_AS(Gpt2::describe(cross), doctest::Contains("config.json: add_cross_attention"), DataError);
  CHECK_THROWS_WITH_AS(Gpt2::describe(activation),
                       doctest::Contains("config.json: activation_function is \"mish\"; known are gelu,"),
                       DataError);
}

TEST_CASE("a sequence beyond the last position is rejected with both numbers") {
  const Configuration c = configuration_of(small);
  const RandomWeights weights(1);
  const Gpt2 model({c, weights});
  CHECK_THROWS_WITH_AS(model.forward({batch_of({std::vector<int64_t>(33, 5)}), {}}),
                       doctest::Contains("32 positions"), DataError);
}
