// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "opt.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using opt::Opt;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},   {"hidden_size", int64_t{18}},
                   {"num_attention_heads", int64_t{3}}, {"ffn_dim", int64_t{30}},
                   {"vocab_size", int64_t{50}},         {"max_position_embeddings", int64_t{32}}};
const RandomWeights weights(1);

at::Tensor embed(const Backbone& model, const at::Tensor& ids, const at::Tensor& positions) {
  const auto& of = model.weights();
  const at::Tensor words = of.at("model.decoder.embed_tokens.weight").index_select(0, ids);
  const auto project = of.find("model.decoder.project_in.weight");
  return (project == of.end() ? words : words.matmul(project->second.t())) +
         of.at("model.decoder.embed_positions.weight").index_select(0, positions + 2);
}

at::Tensor final_norm(const Backbone& model, const at::Tensor& x) {
  const auto& of = model.weights();
  return at::layer_norm(x, {x.size(1)}, of.at("model.decoder.final_layer_norm.weight"),
                        of.at("model.decoder.final_layer_norm.bias"), 1e-5);
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  conforms<Opt>(configuration_of(small), weights, {embed, final_norm});
  for (const Values& form :
       {Values{{"do_layer_norm_before", false}, {"word_embed_proj_dim", int64_t{10}}},
        Values{{"_remove_final_layer_norm", true}, {"tie_word_embeddings", false}, {"enable_bias", false}}})
    conforms<Opt>(configuration_of(small, form), weights, {embed, {}});
}

TEST_CASE("norms without weights, and embeddings of another width") {
  const Configuration c =
      configuration_of(small, {{"layer_norm_elementwise_affine", false}, {"word_embed_proj_dim", int64_t{10}}});
  const Opt model({c, weights});
  CHECK(model.weights().count("model.decoder.layers.0.self_attn_layer_norm.weight") == 0);
  CHECK(model.shape().embedding_width == 10);
  const at::Tensor hidden = model.forward({batch_of({{7, 8, 9}}), {}});
  CHECK(hidden.sizes() == at::IntArrayRef({1, 18}));
  CHECK(at::allclose(hidden.mean(1), at::zeros({1}), 1e-5, 1e-5));
  CHECK(model.project({hidden, {OutputRequest::Kind::transformed_states, {}}}).size(1) == 10);
  CHECK(model.project({hidden, {OutputRequest::Kind::logits, {}}}).size(1) == 50);
}

TEST_CASE("positions and shapes are checked") {
  const Configuration c = configuration_of(small),
                      uneven = configuration_of(small, {{"num_attention_heads", int64_t{4}}});
  CHECK_THROWS_WITH_AS(Opt({c, weights}).forward({batch_of({std::vector<int64_t>(33, 5)}), {}}),
                       doctest::Contains("32 positions"), DataError);
  CHECK_THROWS_WITH_AS(Opt::describe(uneven), doctest::Contains("config.json: hidden_size is 18"), DataError);
}
