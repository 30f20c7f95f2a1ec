// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "distilbert.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using distilbert::DistilBert;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"n_layers", int64_t{2}},    {"dim", int64_t{24}},
                   {"n_heads", int64_t{4}},     {"hidden_dim", int64_t{40}},
                   {"vocab_size", int64_t{50}}, {"max_position_embeddings", int64_t{32}}};

bool within_encoder(std::string_view name) {
  return name.starts_with("distilbert.");
}

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  const RandomWeights headed(1), bare(1, [](std::string_view name) { return name.starts_with("vocab_"); });
  for (const Values& form :
       {Values{}, Values{{"n_layers", int64_t{1}}}, Values{{"activation", std::string("relu")}}})
    for (const Weights* weights : {&headed, &bare})
      conforms<DistilBert>(configuration_of(small, form), *weights, outside_bert_layers());
}

TEST_CASE("tensors have this family's names, and there are no others") {
  const Configuration c = configuration_of(small);
  const RandomWeights whole(1), inner(1, within_encoder);
  const DistilBert model({c, whole});
  CHECK(model.weights().size() == 4 + 2 * 16 + 6); // embeddings; layers; head
  CHECK(model.weights().count("distilbert.transformer.layer.1.attention.out_lin.bias") == 1);
  CHECK(model.weights().count("distilbert.transformer.layer.0.sa_layer_norm.weight") == 1);
  CHECK(model.weights().count("vocab_projector.bias") == 1);
  CHECK(DistilBert({c, inner}).weights().count("transformer.layer.1.ffn.lin2.weight") == 1);
}

TEST_CASE("there are no segments and no pooler, whatever else a checkpoint has") {
  const Configuration c = configuration_of(small);
  const RandomWeights classifier(1, [](std::string_view name) { return name.starts_with("vocab_"); });
  REQUIRE(classifier.has("pre_classifier.weight"));
  const DistilBert model({c, classifier});
  Batch batch = batch_of({{2, 3, 4}});
  const at::Tensor plain = model.forward({batch, {}});
  batch.input.segments = long_tensor({0, 1, 1});
  CHECK(at::equal(model.forward({batch, {}}), plain));
  CHECK(!model.shape().has_pooler);
  CHECK(!model.shape().has_lm_head);
  CHECK_THROWS_WITH_AS(model.project({plain, {OutputRequest::Kind::pooled, {}}}),
                       doctest::Contains("this DistilBERT checkpoint has no pooler"), Error);
  CHECK_THROWS_WITH_AS(model.project({plain, {OutputRequest::Kind::logits, {}}}),
                       doctest::Contains("this DistilBERT checkpoint has no masked-LM head"), Error);
}

TEST_CASE("the head has the activation of the layers") {
  const RandomWeights weights(1);
  const at::Tensor hidden = Random(3).normal_tensor({5, 24}, 1.0);
  const auto transformed = [&](const char* activation) {
    const Configuration c = configuration_of(small, {{"activation", std::string(activation)}});
    return DistilBert({c, weights}).project({hidden, {OutputRequest::Kind::transformed_states, {}}});
  };
  CHECK(!at::allclose(transformed("gelu"), transformed("relu"), 1e-2, 1e-2));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const auto refused = [](const Values& more, const char* with) {
    const Configuration c = configuration_of(small, more);
    CHECK_THROWS_WITH_AS(DistilBert::describe(c), doctest::Contains(with), DataError);
  };
  refused({{"n_heads", int64_t{5}}}, "config.json: dim is 24, which n_heads 5 does not divide.");
  refused({{"activation", std::string("gelu_newer")}}, "config.json: activation is \"gelu_newer\"");
}

TEST_CASE("a key that is missing, or spelled as in other families, is what transformers takes it for") {
  const Configuration empty("config.json"),
      of_bert = configuration_of(small, {{"num_hidden_layers", int64_t{5}}, {"hidden_size", int64_t{32}}});
  CHECK(DistilBert::describe(empty).layers == 6);
  CHECK(DistilBert::describe(empty).hidden == 768);
  CHECK(DistilBert::describe(of_bert).layers == 5);
  CHECK(DistilBert::describe(of_bert).hidden == 32);
}
