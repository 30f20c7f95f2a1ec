#include "my_plugin.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/backbone_conformance.hpp>
#include <cuecard/testing/random_weights.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using my_plugin::MyPlugin;

namespace {

const Configuration configuration = testing::configuration_of({{"hidden_size", int64_t{8}},
                                                               {"num_hidden_layers", int64_t{2}},
                                                               {"num_attention_heads", int64_t{2}},
                                                               {"vocab_size", int64_t{20}},
                                                               {"max_position_embeddings", int64_t{32}}});

} // namespace

// Batches, caches, prefixes, updates and gradients are checked by `cuecard plugin check`, in the test my-plugin-check.
TEST_CASE("one token without attention to others is the formula of one layer after another") {
  const testing::RandomWeights weights(1);
  const MyPlugin model(BackboneArguments{configuration, weights});
  const auto& w = model.weights();
  const auto linear = [&](const at::Tensor& x, const std::string& name) {
    return at::linear(x, w.at(name + ".weight"), w.at(name + ".bias"));
  };
  at::Tensor x = w.at("words.weight")[7] + w.at("positions.weight")[0];
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    x = x + linear(linear(x, layer + "value"), layer + "output"); // one key: its attention weight is 1
    x = x + linear(at::relu(linear(x, layer + "up")), layer + "down");
  }
  const at::Tensor found = model.forward({testing::batch_of({{7}}), {}});
  CHECK(at::allclose(found[0], x, 1e-5, 1e-5));
  CHECK(at::allclose(model.project({found, {OutputRequest::Kind::logits, {}}})[0],
                     at::mv(w.at("words.weight"), x), 1e-4, 1e-4));
}

TEST_CASE("sizes that do not fit each other are refused") {
  Configuration wrong = configuration;
  wrong.set("num_attention_heads", int64_t{3});
  CHECK_THROWS_AS(MyPlugin::describe(wrong), DataError);
}
