// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "electra.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using electra::Electra;

namespace {

using Values = std::map<std::string, Configuration::Value>;

const Values small{{"num_hidden_layers", int64_t{2}},       {"hidden_size", int64_t{24}},
                   {"embedding_size", int64_t{10}},         {"num_attention_heads", int64_t{4}},
                   {"intermediate_size", int64_t{40}},      {"vocab_size", int64_t{50}},
                   {"max_position_embeddings", int64_t{32}}};

const RandomWeights generator(1);
const RandomWeights discriminator(1, [](std::string_view name) { return name.starts_with("generator_"); });

} // namespace

TEST_CASE("the family conforms to the contract in each of its forms") {
  for (const Values& form : {Values{}, Values{{"embedding_size", int64_t{24}}},
                             Values{{"embedding_size", int64_t{30}}, {"num_hidden_layers", int64_t{1}}}})
    for (const Weights* weights : {&generator, &discriminator})
      conforms<Electra>(configuration_of(small, form), *weights, outside_bert_layers());
}

TEST_CASE("embeddings of their own width are projected to hidden states, others are not") {
  const Configuration narrow = configuration_of(small),
                      equal = configuration_of(small, {{"embedding_size", int64_t{24}}});
  const Electra model({narrow, generator});
  CHECK(model.shape().hidden == 24);
  CHECK(model.shape().embedding_width == 10);
  CHECK(model.weights().at("electra.embeddings_project.weight").sizes() == at::IntArrayRef({24, 10}));
  CHECK(model.forward({batch_of({{2, 3, 4}}), {}}).sizes() == at::IntArrayRef({1, 24}));
  CHECK(model.token_vectors(TokenTable::output, long_tensor({3})).size(1) == 10);
  CHECK(Electra({equal, generator}).weights().count("electra.embeddings_project.weight") == 0);

  Values silent = small;
  silent.erase("embedding_size");
  const Configuration c = configuration_of(silent);
  CHECK(Electra::describe(c).embedding_width == 128); // as ELECTRA's own configuration has it
}

TEST_CASE("a discriminator has hidden states and no head") {
  const Configuration c = configuration_of(small);
  const Electra model({c, discriminator});
  REQUIRE(discriminator.has("discriminator_predictions.dense.weight"));
  CHECK(!model.shape().has_lm_head);
  CHECK(!model.shape().has_pooler);
  const at::Tensor hidden = model.forward({batch_of({{2, 3, 4}}), {}});
  CHECK_THROWS_WITH_AS(model.project({hidden, {OutputRequest::Kind::logits, {}}}),
                       doctest::Contains("this ELECTRA checkpoint has no masked-LM head"), Error);
  CHECK_THROWS_WITH_AS(model.token_vectors(TokenTable::output, long_tensor({3})),
                       doctest::Contains("this electra checkpoint has no head over the vocabulary"), Error);
}

TEST_CASE("tokens belong to the segments of the template") {
  const Configuration c = configuration_of(small);
  const Electra model({c, generator});
  CHECK(model.shape().segments == 2);
  Batch batch = batch_of({{2, 3, 4}});
  const at::Tensor plain = model.forward({batch, {}});
  batch.input.segments = long_tensor({0, 0, 0});
  CHECK(at::equal(model.forward({batch, {}}), plain));
  batch.input.segments = long_tensor({0, 1, 1});
  CHECK(!at::allclose(model.forward({batch, {}}), plain, 1e-3, 1e-3));
}

TEST_CASE("an unsupported configuration is rejected in one sentence that names the file and the key") {
  const Configuration relative =
      configuration_of(small, {{"position_embedding_type", std::string("relative_key")}});
  CHECK_THROWS_WITH_AS(Electra::describe(relative), doctest::Contains("config.json: position_embedding_type"),
                       DataError);
  const Configuration none = configuration_of(small, {{"embedding_size", int64_t{0}}});
  CHECK_THROWS_WITH_AS(Electra::describe(none), doctest::Contains("config.json: \"embedding_size\" is 0"),
                       DataError);
}
