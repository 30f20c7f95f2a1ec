// Two examples with three and two alternatives, each against a softmax over its own.
#include "choices_verbalizer.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "test_parts.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::head;
using namespace cuecard::testing;

namespace {

ChoicesVerbalizer choices_of(const BackboneShape& shape, const std::vector<std::string>& labels) {
  Options options = classifier_options();
  options.set("pooler", std::string("auto"));
  options.set("row", std::string("sequence"));
  ChoicesVerbalizer verbalizer(options);
  testing::NoBackbone backbone;
  backbone.shape_ = shape;
  const NoVocabulary vocabulary;
  verbalizer.prepare({vocabulary, backbone, labels, {}, {}, {}, {}, 5});
  return verbalizer;
}

BackboneShape shape_of(bool has_pooler) {
  BackboneShape shape;
  shape.hidden = 4;
  shape.has_pooler = has_pooler;
  return shape;
}

struct TwoExamples {
  std::vector<Example> examples{2};
  Batch batch;

  TwoExamples() {
    for (const auto& [example, choice] :
         std::vector<std::pair<std::size_t, int64_t>>{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}}) {
      batch.examples.push_back(&examples[example]);
      batch.choices.push_back(choice);
      batch.cards.push_back(0);
    }
    batch.labels = at::tensor({2, 2, 2, 0, 0}, at::kLong);
  }
};

} // namespace

TEST_CASE("each example's alternatives are compared with each other by one layer") {
  const ChoicesVerbalizer verbalizer = choices_of(shape_of(true), {"A", "B", "C"});
  CHECK((verbalizer.output_request().kind == OutputRequest::Kind::pooled));
  CHECK((choices_of(shape_of(false), {"A", "B"}).output_request().kind == OutputRequest::Kind::hidden_states));
  const at::Tensor weight = verbalizer.state().tensors.at("weight");
  CHECK(weight.sizes() == at::IntArrayRef({1, 4}));
  const TwoExamples two;
  const at::Tensor values = at::randn({5, 4}) * 20;
  const Scores scores = verbalizer.score({values, two.batch});
  CHECK(scores.offsets == std::vector<int64_t>{0, 3, 5});
  CHECK(scores.entries == std::vector<int64_t>{0, 3});
  const at::Tensor logits = at::mv(values, weight[0]);
  const at::Tensor first = logits.slice(0, 0, 3).log_softmax(0), second = logits.slice(0, 3, 5).log_softmax(0);
  CHECK(verbalizer.loss({scores, two.batch}).item<float>() ==
        doctest::Approx(-(first[2] + second[0]).item<float>() / 2));
  CHECK(verbalizer.weight(two.batch) == 2);

  const std::vector<Decision> decisions =
      verbalizer.decide({{scores.values.detach(), scores.offsets, scores.entries}, two.batch});
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[0].labels == std::vector<int64_t>{first.argmax().item<int64_t>()});
  CHECK(decisions[1].labels == std::vector<int64_t>{second.argmax().item<int64_t>()});
  CHECK(decisions[0].probabilities.at(1) == doctest::Approx(std::exp(first[1].item<double>())));
  REQUIRE(decisions[1].probabilities.size() == 3);
  CHECK(decisions[1].probabilities[1] == doctest::Approx(std::exp(second[1].item<double>())));
  CHECK(decisions[1].probabilities[2] == 0);
}

TEST_CASE("incomparable prompts are refused") {
  const ChoicesVerbalizer verbalizer = choices_of(shape_of(false), {"A", "B"});
  CHECK_THROWS_WITH_AS(choices_of(shape_of(false), {"A"}), doctest::Contains("the task has 1"), DataError);
  std::vector<Example> examples(2);
  Batch batch;
  batch.examples = {&examples[0], &examples[1]};
  batch.choices = batch.cards = {0, 0};
  CHECK_THROWS_WITH_AS(verbalizer.score({at::randn({2, 4}), batch}), doctest::Contains("{\"choice\": NAME}"),
                       UsageError);
  TwoExamples two;
  std::swap(two.batch.choices[0], two.batch.choices[1]);
  CHECK_THROWS_WITH_AS(verbalizer.score({at::randn({5, 4}), two.batch}), doctest::Contains("another order"),
                       Error);
}
