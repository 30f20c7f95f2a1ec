// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "olmo2.hpp"

#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using olmo2::Olmo2;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},
                   {"hidden_size", int64_t{24}},
                   {"num_attention_heads", int64_t{4}},
                   {"num_key_value_heads", int64_t{2}},
                   {"intermediate_size", int64_t{30}},
                   {"vocab_size", int64_t{50}},
                   {"rms_norm_eps", 1e-6},
                   {"max_position_embeddings", int64_t{32}}};
const RandomWeights weights(1);

at::Tensor embed(const Backbone& model, const at::Tensor& ids, const at::Tensor&) {
  return model.weights().at("model.embed_tokens.weight").index_select(0, ids);
}

at::Tensor final_norm(const Backbone& model, const at::Tensor& x) {
  return x / (x.square().mean(1, true) + 1e-6).sqrt() * model.weights().at("model.norm.weight");
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form : {Values{}, Values{{"attention_bias", true}, {"tie_word_embeddings", true}}})
    conforms<Olmo2>(configuration_of(small, form), weights, {embed, final_norm});
}

TEST_CASE("it has the tensors that its checkpoints have") {
  const Configuration c = configuration_of(small);
  const Olmo2 model({c, weights});
  CHECK(model.weights().count("model.layers.0.input_layernorm.weight") == 0);
  CHECK(model.weights().at("model.layers.0.self_attn.q_norm.weight").size(0) == 24);
  CHECK(model.weights().at("model.layers.0.self_attn.k_norm.weight").size(0) == 12);
  CHECK(model.weights().count("model.layers.1.post_feedforward_layernorm.weight") == 1);
}
