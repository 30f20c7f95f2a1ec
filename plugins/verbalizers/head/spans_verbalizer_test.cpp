// Two examples, the first in two overlapping windows: scores, loss and answers against direct computation.
#include "spans_verbalizer.hpp"

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "test_parts.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::head;
using namespace cuecard::testing;

namespace {

SpansVerbalizer spans_verbalizer(const testing::NoBackbone& backbone, int64_t max_tokens = 30) {
  Options options = classifier_options();
  options.set("field", std::string("context"));
  options.set("max-tokens", max_tokens);
  SpansVerbalizer verbalizer(options);
  const NoVocabulary vocabulary;
  verbalizer.prepare({vocabulary, backbone, {}, {}, {}, {}, {}, 1});
  return verbalizer;
}

/// Tokens are words with the preceding blank.
struct TwoContexts {
  std::vector<Example> examples{2};
  Batch batch;

  TwoContexts() {
    examples[0].fields["context"] = "in old Rome it rains"; // tokens 0 2|in old Rome, 2 4|Rome it rains
    examples[0].spans = {{"context", 7, 11}, {"other", 0, 2}};
    examples[1].fields["context"] = "no we go";
    batch.examples = {&examples[0], &examples[0], &examples[1]};
    batch.cards = {0, 0, 0};
    batch.answer_offsets = {0, 3, 6, 9};
    for (const auto& [begin, end] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 2}, {2, 6}, {6, 11}, {6, 11}, {11, 14}, {14, 20}, {0, 2}, {2, 5}, {5, 8}})
      batch.answer_origin.push_back({0, -1, begin, end});
  }
};

/// The layer is the identity: begin and end scores are the two components of the states.
Scores scores_of(SpansVerbalizer& verbalizer, const Batch& batch, const at::Tensor& states) {
  verbalizer.load_state({{{"weight", at::eye(2)}, {"bias", at::zeros({2})}}, {}});
  return verbalizer.score({states, batch});
}

testing::NoBackbone two_wide() {
  testing::NoBackbone backbone;
  backbone.shape_.hidden = 2;
  return backbone;
}

} // namespace

TEST_CASE("two decisions per example, over the tokens of all its windows") {
  const testing::NoBackbone backbone = two_wide();
  SpansVerbalizer verbalizer = spans_verbalizer(backbone);
  CHECK((verbalizer.output_positions().kind == OutputPositions::Kind::tokens));
  const TwoContexts two;
  const at::Tensor states = at::randn({9, 2});
  const Scores scores = scores_of(verbalizer, two.batch, states);
  CHECK(scores.offsets == std::vector<int64_t>{0, 6, 12, 15, 18});
  CHECK(scores.entries == std::vector<int64_t>{0, 0, 2, 2});
  const at::Tensor expected = at::cat({states.slice(0, 0, 6).select(1, 0), states.slice(0, 0, 6).select(1, 1),
                                       states.slice(0, 6).select(1, 0), states.slice(0, 6).select(1, 1)});
  CHECK(at::allclose(scores.values, expected));
}

TEST_CASE("the loss sums the gold tokens of all windows, over examples with a complete answer") {
  const testing::NoBackbone backbone = two_wide();
  SpansVerbalizer verbalizer = spans_verbalizer(backbone);
  TwoContexts two;
  const at::Tensor states = at::randn({9, 2}) * 3;
  Scores scores = scores_of(verbalizer, two.batch, states);
  const at::Tensor p = states.slice(0, 0, 6).softmax(0);
  const double expected = -((p[2][0] + p[3][0]).log() + (p[2][1] + p[3][1]).log()).item<double>() / 2;
  CHECK(verbalizer.loss({scores, two.batch}).item<double>() == doctest::Approx(expected).epsilon(1e-5));
  CHECK(verbalizer.weight(two.batch) == 1);

  // "it rains" is complete in the second window only, "old Rome it" in none.
  two.examples[0].spans = {{"context", 12, 20}};
  const double second = -(p[4][0].log() + p[5][1].log()).item<double>() / 2;
  CHECK(verbalizer.loss({scores, two.batch}).item<double>() == doctest::Approx(second).epsilon(1e-5));
  two.examples[0].spans = {{"context", 3, 14}};
  CHECK(verbalizer.weight(two.batch) == 0);
  const at::Tensor none = verbalizer.loss({scores, two.batch});
  CHECK(none.item<double>() == 0);
  none.backward(); // still part of the graph
}

TEST_CASE("the answer is the likeliest pair of one window, in order and not too long") {
  const testing::NoBackbone backbone = two_wide();
  SpansVerbalizer verbalizer = spans_verbalizer(backbone, 2);
  const TwoContexts two;
  at::Tensor states = at::zeros({9, 2});
  states[1][0] = 5; // begins with "old" ...
  states[5][1] = 6; // ... "rains" ends, but in the other window
  states[2][1] = 3; // "Rome" ends
  states[6][0] = 4; // "no" begins
  states[8][1] = 4; // "go" ends, three tokens on
  states[7][1] = 1; // "we"
  const Scores scores = scores_of(verbalizer, two.batch, states);
  const std::vector<Decision> decisions =
      verbalizer.decide({{scores.values.detach(), scores.offsets, scores.entries}, two.batch});
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[0].text == "old Rome");
  CHECK(decisions[0].labels.empty());
  const at::Tensor first = states.slice(0, 0, 6).log_softmax(0);
  CHECK(decisions[0].value == doctest::Approx((first[1][0] + first[2][1]).item<double>()));
  CHECK(decisions[1].text == "no we");
}

TEST_CASE("an example without an answer in the field is skipped in training") {
  const testing::NoBackbone backbone = two_wide();
  const SpansVerbalizer verbalizer = spans_verbalizer(backbone);
  const TwoContexts two;
  CHECK(verbalizer.given_answers({two.examples[0], true}).empty());
  CHECK(verbalizer.given_answers({two.examples[1], false}).empty());
  CHECK_THROWS_WITH_AS(verbalizer.given_answers({two.examples[1], true}), doctest::Contains("data.spans"),
                       DataError);
  CHECK_THROWS_AS(verbalizer.answer_text(0), UsageError);
}
