// Properties that hold for any weights; parity with transformers is in tests/parity.
#include "roberta.hpp"

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>

using namespace cuecard;
using namespace cuecard::testing;
using roberta::Roberta;

namespace {

Configuration small() {
  Configuration c("config.json");
  for (const auto& [key, value] : {std::pair<const char*, int64_t>{"num_hidden_layers", 2},
                                   {"hidden_size", 24},
                                   {"num_attention_heads", 4},
                                   {"intermediate_size", 40},
                                   {"vocab_size", 50},
                                   {"max_position_embeddings", 10},
                                   {"pad_token_id", 1},
                                   {"type_vocab_size", 1}})
    c.set(key, value);
  return c;
}

bool starts(std::string_view name, std::string_view with) {
  return name.substr(0, with.size()) == with;
}

} // namespace

TEST_CASE("the family conforms to the contract") {
  const RandomWeights weights(1);
  for (const int64_t layers : {1, 2}) {
    Configuration c = small();
    c.set("num_hidden_layers", layers);
    c.set("max_position_embeddings", int64_t{18});
    conforms<Roberta>(c, weights, outside_bert_layers(2)); // pad_token_id + 1
  }
}

TEST_CASE("a vocabulary that the file leaves out is what transformers takes it for") {
  for (const auto& [type, vocabulary] :
       {std::pair{"roberta", 50265}, std::pair{"xlm-roberta", 30522}, std::pair{"camembert", 30522}}) {
    Configuration c("config.json");
    c.set("model_type", std::string(type));
    CHECK(Roberta::describe(c).vocabulary == vocabulary);
  }
}

TEST_CASE("positions begin after the padding's, and as many fewer tokens fit") {
  const Configuration c = small();
  const RandomWeights weights(1);
  const Roberta model({c, weights});
  CHECK(model.shape().max_positions == 8);
  CHECK(model.forward({batch_of({{2, 3, 4, 5, 6, 7, 8, 9}}), {}}).size(0) == 1);
  CHECK_THROWS_AS(model.forward({batch_of({{2, 3, 4, 5, 6, 7, 8, 9, 10}}), {}}), DataError);
  Configuration tight = small();
  tight.set("max_position_embeddings", int64_t{2});
  CHECK_THROWS_WITH_AS(Roberta::describe(tight), doctest::Contains("pad_token_id + 1 = 2"), DataError);
}

TEST_CASE("padding in a text takes no position, except beside soft tokens") {
  const RandomWeights weights(1);
  for (const int64_t padding : {1, 0, 4}) {
    CAPTURE(padding);
    Configuration c = small();
    c.set("pad_token_id", padding);
    c.set("max_position_embeddings", int64_t{12});
    const Roberta model({c, weights});
    const auto embedded = [&](const Batch& batch, const Conditioning& conditioning = {}) {
      ForwardArgs args{batch, conditioning};
      args.layers = 0;
      return model.forward(args);
    };
    const OutsideLayers outside = outside_bert_layers(0);
    const std::vector<int64_t> ids{7, padding, 8, padding, padding, 9, 10, padding};
    // As transformers numbers them: rows from padding + 1 on, padding itself at the row of its id. Two sequences.
    const at::Tensor rows = long_tensor({1, 0, 2, 0, 0, 3, 1, 0}) + padding;
    Batch batch = batch_of({{7, padding, 8, padding, padding, 9}, {10, padding}});
    CHECK(at::allclose(embedded(batch), outside.embed(model, long_tensor(ids), rows), 1e-5, 1e-5));
    // transformers has no ids if some tokens are given as embeddings: then it counts every token.
    batch.input.soft_tokens = long_tensor({0});
    batch.input.soft_slots = long_tensor({0});
    Conditioning conditioning;
    conditioning.embeddings = model.token_vectors(TokenTable::input, long_tensor({7}));
    const at::Tensor counted = long_tensor({1, 2, 3, 4, 5, 6, 1, 0}) + padding;
    CHECK(at::allclose(embedded(batch, conditioning), outside.embed(model, long_tensor(ids), counted), 1e-5,
                       1e-5));
  }
}

TEST_CASE("a sequence gives in a batch what it gives alone, whatever its segments") {
  const Configuration c = small();
  const RandomWeights weights(1);
  const Roberta model({c, weights});
  CHECK(model.shape().segments == 0);
  Batch batch = batch_of({{2, 3, 4}, {5, 6}});
  const at::Tensor plain = model.forward({batch, {}});
  CHECK(at::allclose(plain[1], model.forward({batch_of({{5, 6}}), {}})[0], 1e-5, 1e-5));
  batch.input.segments = long_tensor({0, 1, 1, 0, 1});
  CHECK(at::equal(model.forward({batch, {}}), plain));
}

TEST_CASE("heads and pooler are there when the checkpoint has them, with and without the prefix") {
  const Configuration c = small();
  const auto lacks = [](std::vector<std::string> names) {
    return [names](std::string_view name) {
      return std::any_of(names.begin(), names.end(), [&](const auto& each) { return starts(name, each); });
    };
  };
  const RandomWeights masked(1, lacks({"roberta.pooler", "lm_head.decoder"}));
  const Roberta model({c, masked});
  CHECK(model.shape().has_lm_head);
  CHECK(!model.shape().has_pooler);
  CHECK(model.weights().count("roberta.encoder.layer.1.output.dense.weight") == 1);
  CHECK(model.weights().count("lm_head.dense.weight") == 1);
  const at::Tensor hidden = model.forward({batch_of({{2, 3, 4}}), {}});
  CHECK(at::allclose(model.project({hidden, {OutputRequest::Kind::log_probs, {}}, {}}).exp().sum(),
                     at::ones({}), 1e-5, 1e-5));
  // Tied: scores are products with the word embeddings, plus the bias.
  const at::Tensor states = model.project({hidden, {OutputRequest::Kind::transformed_states, {}}, {}});
  const at::Tensor words = model.token_vectors(TokenTable::input, long_tensor({7}));
  CHECK(at::allclose(model.project({hidden, {OutputRequest::Kind::logits, long_tensor({7})}, {}}),
                     states.matmul(words.t()) + model.weights().at("lm_head.bias")[7], 1e-4, 1e-4));
  CHECK_THROWS_WITH_AS(model.project({hidden, {OutputRequest::Kind::pooled, {}}, {}}),
                       doctest::Contains("no pooler"), Error);

  const RandomWeights bare(1, lacks({"roberta.", "lm_head."}));
  const Roberta headless({c, bare});
  CHECK(headless.shape().has_pooler);
  CHECK(!headless.shape().has_lm_head);
  CHECK(headless.weights().count("encoder.layer.0.output.dense.weight") == 1);
  CHECK_THROWS_WITH_AS(headless.project({hidden, {OutputRequest::Kind::logits, {}}, {}}),
                       doctest::Contains("no masked-LM head"), Error);
}
