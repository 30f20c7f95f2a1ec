#include "my_plugin.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging also defines CHECK.
#include <doctest/doctest.h>

using namespace cuecard;
using my_plugin::MyPlugin;

namespace {

const testing::NoBackbone backbone;
const testing::WordVocabulary vocabulary({{"good", {2}}, {"fine", {3}}, {"bad", {5}}}, 8);

MyPlugin prepared(double temperature) {
  Options options;
  options.set("temperature", temperature);
  MyPlugin verbalizer(options);
  verbalizer.prepare({vocabulary, backbone, {"positive", "negative"}, {{"good", "fine"}, {"bad"}}});
  return verbalizer;
}

} // namespace

TEST_CASE("a label's score is the mean of its words' logits, divided by the temperature") {
  const MyPlugin verbalizer = prepared(2);
  CHECK(at::equal(verbalizer.output_request().token_ids, at::tensor(std::vector<int64_t>{2, 3, 5})));
  const Scores scores =
      verbalizer.score({at::tensor({1., 3., 5., 0., 0., 4.}, at::kFloat).view({2, 3}), Batch{}});
  CHECK(scores.offsets == std::vector<int64_t>{0, 2, 4});
  CHECK(at::allclose(scores.values, at::tensor({1., 2.5, 0., 2.}, at::kFloat)));
}

TEST_CASE("gradients reach the logits") {
  const MyPlugin verbalizer = prepared(1);
  const at::Tensor logits = at::zeros({1, 3}).requires_grad_();
  Batch batch;
  batch.labels = at::tensor(std::vector<int64_t>{1});
  const at::Tensor loss = verbalizer.loss({verbalizer.score({logits, batch}), batch});
  CHECK(loss.item<double>() == doctest::Approx(std::log(2)));
  loss.backward();
  CHECK(at::allclose(logits.grad(), at::tensor({0.25, 0.25, -0.5}, at::kFloat).view({1, 3})));
}

TEST_CASE("labels have words, and different ones") {
  CHECK(prepared(1).answer_text(1) == std::vector<std::string>{" bad"});
  Options options;
  options.set("temperature", 1.0);
  MyPlugin verbalizer(options);
  CHECK_THROWS_AS(verbalizer.prepare({vocabulary, backbone, {"a", "b"}, {{"good"}, {"good"}}}), UsageError);
}
