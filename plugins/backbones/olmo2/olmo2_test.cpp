// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "olmo2.hpp"

#include <cuecard/testing/backbone_conformance.hpp>
#include <cuecard/testing/llama_family.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using olmo2::Olmo2;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small = small_llama();
const RandomWeights weights(1);

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form : {Values{}, Values{{"attention_bias", true}, {"tie_word_embeddings", true}}})
    conforms<Olmo2>(configuration_of(small, form), weights, outside_llama_layers());
}

TEST_CASE("it has the tensors that its checkpoints have") {
  const Configuration c = configuration_of(small);
  const Olmo2 model({c, weights});
  CHECK(model.weights().count("model.layers.0.input_layernorm.weight") == 0);
  CHECK(model.weights().at("model.layers.0.self_attn.q_norm.weight").size(0) == 24);
  CHECK(model.weights().at("model.layers.0.self_attn.k_norm.weight").size(0) == 12);
  CHECK(model.weights().count("model.layers.1.post_feedforward_layernorm.weight") == 1);
}
