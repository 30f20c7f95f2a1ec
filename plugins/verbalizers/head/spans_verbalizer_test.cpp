// Two examples, the first in two overlapping windows: scores, loss and answers against direct computation.
#include "spans_verbalizer.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/testing/no_engine.hpp>

#include "test_parts.hpp"

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::head;
using namespace cuecard::testing;

namespace {

SpansVerbalizer spans_verbalizer(const testing::NoBackbone& backbone, int64_t max_tokens = 30,
                                 bool no_answer = false) {
  Options options = classifier_options();
  options.set("no-answer", no_answer);
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
  ComponentState state = verbalizer.state();
  state.tensors["weight"] = at::eye(2);
  state.tensors["bias"] = at::zeros({2});
  verbalizer.load_state(state);
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

TEST_CASE("the answer is the most likely pair of one window, in order and not too long") {
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

namespace {

/// The same with [CLS] before each prompt: tokens 0, 4 and 8.
struct TwoQuestions : TwoContexts {
  TwoQuestions() {
    batch.answer_offsets = {0, 4, 8, 12};
    for (const int64_t place : {0, 4, 8})
      batch.answer_origin.insert(batch.answer_origin.begin() + place, {-1, -1, 0, 0});
  }
};

class FakeScorer final : public testing::NoScorer {
public:
  FakeScorer(at::Tensor states, const Batch& batch) : states_(std::move(states)), batch_(batch) {}
  void score(const ScoreRequest&, const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    use(states_, batch_);
  }

private:
  at::Tensor states_;
  const Batch& batch_;
};

} // namespace

TEST_CASE("no-answer: a softmax for each window, whose gold answer is [CLS] where it has no other") {
  const testing::NoBackbone backbone = two_wide();
  SpansVerbalizer verbalizer = spans_verbalizer(backbone, 30, true);
  CHECK(verbalizer.output_positions().with_sequence);
  TwoQuestions two;
  two.examples[1].unanswerable = true;
  CHECK(verbalizer.given_answers({two.examples[1], true}).empty());
  CHECK_THROWS_WITH_AS(spans_verbalizer(backbone).given_answers({two.examples[1], true}),
                       doctest::Contains("\"no-answer\" only"), DataError);
  const at::Tensor states = at::randn({12, 2}) * 2;
  const Scores scores = scores_of(verbalizer, two.batch, states);
  CHECK(scores.offsets == std::vector<int64_t>{0, 4, 8, 12, 16, 20, 24});
  CHECK(scores.entries == std::vector<int64_t>{0, 0, 1, 1, 2, 2});
  // "Rome" is the last token of the first window and the first of the second.
  const auto p = [&](int64_t window) { return states.slice(0, 4 * window, 4 * window + 4).log_softmax(0); };
  const double answered = -(p(0)[3].sum() + p(1)[1].sum() + p(2)[0].sum()).item<double>() / 6;
  CHECK(verbalizer.loss({scores, two.batch}).item<double>() == doctest::Approx(answered).epsilon(1e-5));
  CHECK(verbalizer.weight(two.batch) == 3);
  two.examples[0].spans = {{"context", 12, 20}}; // "it rains", in the second window alone
  const double elsewhere = -(p(0)[0].sum() + p(1)[2][0] + p(1)[3][1] + p(2)[0].sum()).item<double>() / 6;
  CHECK(verbalizer.loss({scores, two.batch}).item<double>() == doctest::Approx(elsewhere).epsilon(1e-5));
}

TEST_CASE(
    "no-answer: an answer is given where it scores more than the least [CLS] of the windows, plus the threshold") {
  const testing::NoBackbone backbone = two_wide();
  SpansVerbalizer verbalizer = spans_verbalizer(backbone, 30, true);
  const TwoQuestions two;
  at::Tensor states = at::full({12, 2}, -9.0);
  states[0].fill_(4);   // [CLS] of the first window: 8 in all
  states[4].fill_(1);   // of the second: 2, which is the least
  states[3].fill_(1.5); // "Rome": 3
  states[8].fill_(2);   // [CLS] of the second text: 4
  states[9].fill_(1);   // "no": 2
  const Scores scores = scores_of(verbalizer, two.batch, states);
  const auto texts = [&](double threshold) {
    ComponentState state = verbalizer.state();
    state.tensors["no-answer-threshold"] = at::full({1}, threshold, at::kDouble);
    verbalizer.load_state(state);
    std::vector<std::string> found;
    for (const Decision& decision :
         verbalizer.decide({{scores.values.detach(), scores.offsets, scores.entries}, two.batch}))
      found.push_back(decision.text);
    return found;
  };
  CHECK(texts(0) == std::vector<std::string>{"Rome", ""});
  CHECK(texts(0.99) == std::vector<std::string>{"Rome", ""});
  CHECK(texts(1) == std::vector<std::string>{"", ""}); // 3 does not exceed 2 + 1
  CHECK(texts(-2.01) == std::vector<std::string>{"Rome", "no"});
  const double log_prob = 2 * (2 - std::log(std::exp(2.0) + std::exp(1.0) + 2 * std::exp(-9.0)));
  (void)texts(0);
  CHECK(verbalizer.decide({{scores.values.detach(), scores.offsets, scores.entries}, two.batch})[1].value ==
        doctest::Approx(log_prob).epsilon(1e-5));
}

TEST_CASE("no-answer: the threshold is the best on the development set") {
  Random random(5);
  for (int round = 0; round < 30; ++round) {
    std::vector<AnsweredQuestion> questions;
    for (int i = 0; i < 12; ++i) {
      const bool answerable = random.below(2) == 0;
      questions.push_back({static_cast<double>(random.below(9)) - 4,
                           answerable ? static_cast<double>(random.below(3)) / 2 : 0.0,
                           answerable ? 0.0 : 1.0});
    }
    const auto value = [&](double threshold) {
      double sum = 0;
      for (const AnsweredQuestion& question : questions)
        sum += question.margin > threshold ? question.value_if_answered : question.value_if_not;
      return sum;
    };
    double best = 0;
    for (int i = -6; i <= 5; ++i)
      best = std::max(best, value(i + 0.5));
    CHECK(value(best_no_answer_threshold(questions)) == doctest::Approx(best));
  }
  CHECK(best_no_answer_threshold({{2, 1, 0}, {-2, 0, 1}}) == 0);
  CHECK(best_no_answer_threshold({{2, 1, 0}, {1, 0, 1}}) == 1.5);

  // Through `fit`: "Rome" with a margin of 1 is right, "no" with one of -1 is wrong, because its question has no answer.
  const testing::NoBackbone backbone = two_wide();
  SpansVerbalizer verbalizer = spans_verbalizer(backbone, 30, true);
  TwoQuestions two;
  two.examples[1].unanswerable = true;
  at::Tensor states = at::full({12, 2}, -9.0);
  states[0].fill_(0);
  states[4].fill_(0);
  states[3].fill_(0.5); // "Rome"
  states[8].fill_(0);
  states[9].fill_(-0.5); // "no"
  scores_of(verbalizer, two.batch, states);
  FakeScorer scorer(states, two.batch);
  const std::vector<const Example*> dev{&two.examples[0], &two.examples[1]};
  verbalizer.fit({scorer, {}, VerbalizerFitArgs::Moment::after_training, dev});
  CHECK(verbalizer.state().tensors.at("no-answer-threshold").item<double>() == 0);
  states[9].fill_(0.25); // a margin of 0.5: between the two
  verbalizer.fit({scorer, {}, VerbalizerFitArgs::Moment::after_training, dev});
  CHECK(verbalizer.state().tensors.at("no-answer-threshold").item<double>() == doctest::Approx(0.75));
}
