// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "bert.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using bert::Bert;

namespace {

Configuration small() {
  Configuration c("config.json");
  for (const auto& [key, value] : {std::pair<const char*, int64_t>{"num_hidden_layers", 2},
                                   {"hidden_size", 24},
                                   {"num_attention_heads", 4},
                                   {"intermediate_size", 40},
                                   {"vocab_size", 50},
                                   {"max_position_embeddings", 32}})
    c.set(key, value);
  return c;
}

bool starts(std::string_view name, std::string_view with) {
  return name.substr(0, with.size()) == with;
}
bool ends(std::string_view name, std::string_view with) {
  return name.size() >= with.size() && name.substr(name.size() - with.size()) == with;
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const RandomWeights headed(1, [](std::string_view name) { return starts(name, "bert."); });
  const RandomWeights bare(1, [](std::string_view name) { return starts(name, "cls."); });
  for (const Weights* weights : {static_cast<const Weights*>(&headed), static_cast<const Weights*>(&bare)})
    for (const int64_t layers : {1, 2, 3})
      for (const char* activation : {"gelu", "gelu_new", "relu"}) {
        CAPTURE(layers);
        CAPTURE(activation);
        Configuration c = small();
        c.set("num_hidden_layers", layers);
        c.set("hidden_act", std::string(activation));
        conforms<Bert>(c, *weights, outside_bert_layers());
      }
}

TEST_CASE("heads and pooler are there when the checkpoint has them") {
  const Configuration c = small();
  const RandomWeights whole(1, [](std::string_view name) {
    return starts(name, "bert.") || ends(name, "gamma") || ends(name, "beta");
  });
  const Bert model({c, whole});
  CHECK(model.shape().has_lm_head);
  CHECK(model.shape().has_pooler);
  const at::Tensor hidden = model.forward({batch_of({{1, 2, 3}}), {}});
  CHECK(model.project({hidden, {OutputRequest::Kind::logits, long_tensor({3, 9})}, {}}).sizes() ==
        at::IntArrayRef({1, 2}));
  CHECK(at::allclose(model.project({hidden, {OutputRequest::Kind::log_probs, {}}, {}}).exp().sum(),
                     at::ones({}), 1e-5, 1e-5));

  const RandomWeights bare(1, [](std::string_view name) {
    return starts(name, "bert.") || starts(name, "cls.") || starts(name, "pooler.");
  });
  const Bert headless({c, bare});
  CHECK(!headless.shape().has_lm_head);
  CHECK_THROWS_WITH_AS(headless.project({hidden, {OutputRequest::Kind::logits, {}}, {}}),
                       doctest::Contains("no masked-LM head"), Error);
  CHECK_THROWS_WITH_AS(headless.project({hidden, {OutputRequest::Kind::pooled, {}}, {}}),
                       doctest::Contains("no pooler"), Error);
}

TEST_CASE("old spellings of tensor names are read") {
  const Configuration c = small();
  const RandomWeights old(
      1, [](std::string_view name) { return ends(name, "LayerNorm.weight") || ends(name, "LayerNorm.bias"); });
  const Bert model({c, old});
  CHECK(model.weights().count("bert.embeddings.LayerNorm.gamma") == 1);
  CHECK(model.weights().count("bert.encoder.layer.1.output.LayerNorm.beta") == 1);
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  Configuration c = small();
  c.set("position_embedding_type", std::string("relative_key"));
  CHECK_THROWS_WITH_AS(Bert::describe(c), doctest::Contains("config.json: position_embedding_type"), DataError);
  Configuration heads = small();
  heads.set("num_attention_heads", int64_t{5});
  CHECK_THROWS_WITH_AS(Bert::describe(heads), doctest::Contains("num_attention_heads"), DataError);
}
