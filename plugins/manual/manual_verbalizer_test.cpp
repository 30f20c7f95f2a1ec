// Expected values: the definition in manual_verbalizer.hpp, computed word by word in float64.
#include "manual_verbalizer.hpp"

#include <cmath>
#include <functional>

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/character_vocabulary.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::manual;
using cuecard::testing::CharacterVocabulary;

namespace {

using Words = std::vector<std::vector<std::string>>;
constexpr auto before = VerbalizerFitArgs::Moment::before_training;

/// The logit of token `id` for example `index` of a fake model; -1 is the content-free prompt.
double logit(int64_t id, int64_t index) {
  return index < 0 ? 3 * std::cos(0.31 * static_cast<double>(id))
                   : 4 * std::sin(0.7 * static_cast<double>(id) + 1.3 * static_cast<double>(index));
}

/// The index of an example is its id.
class FakeScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    requested = request.examples;
    std::vector<double> values;
    const auto add = [&](int64_t index) {
      for (int64_t i = 0; i < request.output.token_ids.size(0); ++i)
        values.push_back(logit(request.output.token_ids[i].item<int64_t>(), index));
    };
    for (const Example* example : request.examples)
      add(std::stoi(example->id));
    if (request.prompts)
      add(-1);
    use(at::tensor(values, at::kDouble).view({-1, request.output.token_ids.size(0)}), Batch{});
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }
  std::vector<const Example*> requested;
};

Options options(const std::string& handler, const std::string& calibrate, bool post_log_softmax = true,
                const std::string& prefix = "") {
  Options made;
  made.set("multi-token-handler", handler);
  made.set("prefix", prefix);
  made.set("calibrate", calibrate);
  made.set("calibrate-rows", int64_t{3});
  made.set("post-log-softmax", post_log_softmax);
  return made;
}

const testing::NoBackbone backbone;
const CharacterVocabulary vocabulary;
const Words words{{"great", "ok"}, {"bad", "dull", "x"}};

ManualVerbalizer make(const Options& chosen, const Words& label_words = words,
                      std::vector<std::string> labels = {"good", "poor"}) {
  ManualVerbalizer made(chosen);
  made.prepare({vocabulary, backbone, std::move(labels), label_words});
  return made;
}

at::Tensor logits_of(const ManualVerbalizer& verbalizer, int64_t count) {
  FakeScorer scorer;
  std::vector<Example> examples(static_cast<std::size_t>(count));
  std::vector<const Example*> pointers;
  for (int64_t i = 0; i < count; ++i) {
    examples[static_cast<std::size_t>(i)].id = std::to_string(i);
    pointers.push_back(&examples[static_cast<std::size_t>(i)]);
  }
  return scorer.score_all({pointers, nullptr, verbalizer.output_request()});
}

double word_score(const std::string& word, const std::string& handler,
                  const std::function<double(int64_t)>& score) {
  double first = score(word[0]), largest = first, sum = 0;
  for (const char letter : word) {
    largest = std::max(largest, score(letter));
    sum += score(letter);
  }
  return handler == "first" ? first : handler == "max" ? largest : sum / static_cast<double>(word.size());
}

using Score = std::function<double(int64_t)>;

std::vector<double> joint_softmax(const std::string& handler, const Score& score) {
  std::vector<double> p;
  double sum = 0;
  for (const auto& label : words)
    for (const std::string& word : label) {
      p.push_back(std::exp(word_score(word, handler, score)));
      sum += p.back();
    }
  for (double& value : p)
    value /= sum;
  return p;
}

/// Scores of the two labels by definition.
std::vector<double> expected(const std::string& handler, const Score& score, const Score* prior) {
  std::vector<double> p = joint_softmax(handler, score);
  if (prior != nullptr) {
    const std::vector<double> q = joint_softmax(handler, *prior);
    double sum = 0;
    for (std::size_t w = 0; w < p.size(); ++w)
      sum += p[w] /= q[w] + 1e-15;
    for (double& value : p)
      value /= sum;
  }
  return {(std::log(p[0]) + std::log(p[1])) / 2, (std::log(p[2]) + std::log(p[3]) + std::log(p[4])) / 3};
}

void check_scores(const Scores& scores, const std::vector<double>& expected, int64_t index) {
  for (int64_t label = 0; label < 2; ++label)
    CHECK(scores.values[index * 2 + label].item<double>() ==
          doctest::Approx(expected[static_cast<std::size_t>(label)]).epsilon(1e-6));
}

} // namespace

TEST_CASE("scores follow the definition for every way to combine the tokens of a word") {
  for (const std::string handler : {"first", "max", "mean"}) {
    CAPTURE(handler);
    const ManualVerbalizer verbalizer = make(options(handler, "none"));
    const Scores scores = verbalizer.score({logits_of(verbalizer, 3), {}});
    CHECK(scores.offsets == std::vector<int64_t>{0, 2, 4, 6});
    for (int64_t i = 0; i < 3; ++i)
      check_scores(scores,
                   expected(
                       handler, [&](int64_t id) { return logit(id, i); }, nullptr),
                   i);
    CHECK(verbalizer.state().tensors.empty());
  }
}

TEST_CASE("float32 and bfloat16 logits give float32 scores") {
  const ManualVerbalizer verbalizer = make(options("mean", "none"));
  const at::Tensor values = logits_of(verbalizer, 2);
  const at::Tensor exact = verbalizer.score({values, {}}).values;
  const at::Tensor single = verbalizer.score({values.to(at::kFloat), {}}).values;
  CHECK((single.scalar_type() == at::kFloat));
  CHECK(single.sub(exact).abs().max().item<double>() < 1e-5);
  CHECK((verbalizer.score({values.to(at::kBFloat16), {}}).values.scalar_type() == at::kFloat));
}

TEST_CASE("each token that is used is requested once") {
  CHECK(make(options("first", "none"))
            .output_request()
            .token_ids.equal(at::tensor(std::vector<int64_t>{'b', 'd', 'g', 'o', 'x'})));
  CHECK(make(options("mean", "none")).output_request().token_ids.size(0) == 12); // a b d e g k l o r t u x
  CHECK(make(options("first", "none")).output_request().kind == OutputRequest::Kind::logits);
}

TEST_CASE("calibration on the blank prompt divides out its probabilities and is saved") {
  for (const std::string handler : {"first", "mean"}) {
    ManualVerbalizer verbalizer = make(options(handler, "blank"));
    FakeScorer scorer;
    verbalizer.calibrate(scorer);
    verbalizer.fit({scorer, {}, before});
    const Score prior = [](int64_t id) { return logit(id, -1); };
    const Scores scores = verbalizer.score({logits_of(verbalizer, 2), {}});
    for (int64_t i = 0; i < 2; ++i)
      check_scores(scores,
                   expected(
                       handler, [&](int64_t id) { return logit(id, i); }, &prior),
                   i);

    ManualVerbalizer restored = make(options(handler, "blank"));
    restored.load_state(verbalizer.state());
    CHECK(restored.score({logits_of(verbalizer, 2), {}}).values.equal(scores.values));
  }
}

TEST_CASE("calibration on training examples takes the mean over evenly spaced examples") {
  ManualVerbalizer verbalizer = make(options("first", "train"));
  std::vector<Example> examples(7);
  std::vector<const Example*> pointers;
  for (std::size_t i = 0; i < 7; ++i) {
    examples[i].id = std::to_string(i);
    pointers.push_back(&examples[i]);
  }
  FakeScorer scorer;
  verbalizer.calibrate(scorer); // must not measure the blank prompt
  CHECK(verbalizer.state().tensors.empty());
  verbalizer.fit({scorer, pointers, before});
  REQUIRE(scorer.requested.size() == 3);
  CHECK(scorer.requested[1]->id == "2");
  CHECK(scorer.requested[2]->id == "4");
  const Score prior = [](int64_t id) { return (logit(id, 0) + logit(id, 2) + logit(id, 4)) / 3; };
  check_scores(verbalizer.score({logits_of(verbalizer, 1), {}}),
               expected(
                   "first", [](int64_t id) { return logit(id, 0); }, &prior),
               0);
  CHECK_THROWS_AS(verbalizer.fit({scorer, {}, before}), DataError);
}

TEST_CASE("without post-log-softmax the score is the plain mean and calibration is skipped") {
  ManualVerbalizer verbalizer = make(options("mean", "blank", false));
  FakeScorer scorer;
  verbalizer.calibrate(scorer);
  const Score score = [](int64_t id) { return logit(id, 0); };
  check_scores(
      verbalizer.score({logits_of(verbalizer, 1), {}}),
      {(word_score("great", "mean", score) + word_score("ok", "mean", score)) / 2,
       (word_score("bad", "mean", score) + word_score("dull", "mean", score) + word_score("x", "mean", score)) /
           3},
      0);
}

TEST_CASE("the loss is the cross-entropy of the examples that have a label") {
  const ManualVerbalizer verbalizer = make(options("mean", "none"));
  const Scores scores = verbalizer.score({logits_of(verbalizer, 3), {}});
  Batch batch;
  batch.labels = at::tensor(std::vector<int64_t>{1, -1, 0});
  double expected = 0;
  for (const auto& [index, label] : {std::pair{0, 1}, {2, 0}}) {
    const double a = scores.values[index * 2].item<double>(), b = scores.values[index * 2 + 1].item<double>();
    expected += (std::log(std::exp(a) + std::exp(b)) - (label == 0 ? a : b)) / 2;
  }
  CHECK(verbalizer.loss({scores, batch}).item<double>() == doctest::Approx(expected).epsilon(1e-9));
  CHECK_THROWS_AS(verbalizer.loss({scores, {}}), DataError);
}

TEST_CASE("gradients flow through the scores") {
  const ManualVerbalizer verbalizer = make(options("max", "none"));
  at::Tensor values = logits_of(verbalizer, 2).to(at::kFloat).requires_grad_();
  Batch batch;
  batch.labels = at::tensor(std::vector<int64_t>{1, 0});
  verbalizer.loss({verbalizer.score({values, batch}), batch}).backward();
  CHECK(values.grad().isfinite().all().item<bool>());
  CHECK(values.grad().abs().sum().item<float>() > 0);
}

TEST_CASE("words: prefix, its exception, and labels that are their own word") {
  const ManualVerbalizer verbalizer = make(options("mean", "none", true, " "), {{"<!>no", "x"}, {"yes"}});
  CHECK(verbalizer.answer_text(0) == std::vector<std::string>{"no"});
  CHECK(verbalizer.answer_text(1) == std::vector<std::string>{" yes"});
  CHECK_THROWS_AS(verbalizer.answer_text(2), DataError);
  const ManualVerbalizer own = make(options("first", "none"), {});
  CHECK(own.answer_text(1) == std::vector<std::string>{"poor"});
  CHECK(own.output_request().token_ids.equal(at::tensor(std::vector<int64_t>{'g', 'p'})));
}

TEST_CASE("impossible label words are refused when the verbalizer is prepared") {
  const auto refusal = [](const Words& label_words, const std::string& handler = "first",
                          const std::string& prefix = "") -> std::string {
    try {
      make(options(handler, "none", true, prefix), label_words);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal({{"good"}, {"what?"}}).find("\"what?\" of label \"poor\"") != std::string::npos);
  CHECK(refusal({{""}, {"x"}}).find("can't be encoded") != std::string::npos);
  CHECK(refusal({{"good"}}).find("label words for 1") != std::string::npos);
  // All words begin with the same token, the space, so that their first tokens are equal.
  const std::string same = refusal({{"good"}, {"bad"}}, "first", " ");
  CHECK(same.find("always score the same") != std::string::npos);
  CHECK_MESSAGE(same.find("the option \"prefix\" \"\"") != std::string::npos, same);
  // Without the space they differ, unless the words themselves begin alike.
  CHECK(refusal({{"good"}, {"bad"}}, "first", "").empty());
  const std::string alike = refusal({{"bad"}, {"bed"}}, "first", " ");
  CHECK(alike.find("always score the same") != std::string::npos);
  CHECK_MESSAGE(alike.find("\"prefix\"") == std::string::npos, alike);
  CHECK(refusal({{"good"}, {"bad"}}, "mean", " ").empty());
  testing::NoBackbone headless;
  headless.shape_.has_lm_head = false;
  ManualVerbalizer verbalizer(options("first", "none"));
  CHECK_THROWS_AS(verbalizer.prepare({vocabulary, headless, {"a", "b"}, {}}), UsageError);
  CHECK_THROWS_WITH_AS(verbalizer.prepare({vocabulary, backbone, {}, {}}), doctest::Contains("\"labels\""),
                       DataError);
}

TEST_CASE("a card whose calibration has another shape or type is refused") {
  ManualVerbalizer verbalizer = make(options("first", "blank"));
  CHECK_THROWS_AS(verbalizer.load_state({{}, {}}), DataError);
  CHECK_THROWS_AS(verbalizer.load_state({{{"calibration", at::zeros({4})}}, {}}), DataError);
  CHECK_THROWS_WITH_AS(verbalizer.load_state({{{"calibration", at::zeros({5}, at::kLong)}}, {}}),
                       doctest::Contains("is not floating-point"), DataError);
  CHECK_NOTHROW(verbalizer.load_state({{{"calibration", at::zeros({5})}}, {}}));
}
