// A fake model that predicts "grim" for examples of one label and "fine" for the other, and other words more
// often.
#include "automatic.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::automatic;

namespace {

// "of" is the most likely, "x" has fewer than two letters, 7 is the second token of "unheard".
const testing::WordVocabulary vocabulary({{"of", {0}},
                                          {"grim", {1}},
                                          {"fine", {2}},
                                          {"x", {3}},
                                          {"dull", {4}},
                                          {"bright", {5}},
                                          {"unheard", {6, 7}}},
                                         9);
const testing::NoBackbone backbone;
constexpr auto before = VerbalizerFitArgs::Moment::before_training;

/// Logits of the nine tokens for an example of `label`; -1: the content-free prompt.
std::vector<float> logits_of(int64_t label) {
  std::vector<float> logits{6, 0, 1, 0, 0, 0, 0, 0, 0};
  if (label == 0)
    logits[1] = logits[3] = 4, logits[4] = 3, logits[7] = 9;
  if (label == 1)
    logits[2] = 4, logits[5] = 3, logits[6] = 9, logits[8] = 9;
  return logits;
}

class FakeScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<const Example*> examples = request.examples;
    if (request.prompts)
      examples.assign(request.prompts->size(), &blank_);
    for (const Example* example : examples) { // a batch per example
      at::Tensor values = at::tensor(logits_of(example->label)).view({1, 9});
      if (request.output.kind == OutputRequest::Kind::log_probs)
        values = values.log_softmax(1);
      if (request.output.token_ids.defined())
        values = values.index_select(1, request.output.token_ids);
      Batch batch;
      batch.examples = {example};
      use(values, batch);
    }
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }

private:
  Example blank_;
};

Options options(int64_t words, const std::string& calibrate = "none") {
  Options made;
  made.set("words-per-label", words);
  made.set("candidates", int64_t{1000});
  made.set("score-function", std::string("llr"));
  made.set("balance", true);
  made.set("calibrate", calibrate);
  made.set("calibrate-rows", int64_t{200});
  return made;
}

struct Examples {
  std::vector<Example> examples;
  explicit Examples(const std::vector<int64_t>& labels) {
    for (const int64_t label : labels)
      examples.emplace_back().label = label;
  }
  std::vector<const Example*> pointers() const {
    std::vector<const Example*> result;
    for (const Example& example : examples)
      result.push_back(&example);
    return result;
  }
};

Automatic made(const Options& chosen, const std::vector<int64_t>& labels) {
  Automatic verbalizer(chosen);
  verbalizer.prepare({vocabulary, backbone, {"bad", "good"}, {{"these"}, {"ignored"}}});
  FakeScorer scorer;
  verbalizer.calibrate(scorer);
  const Examples examples(labels);
  verbalizer.fit({scorer, examples.pointers(), before});
  return verbalizer;
}

} // namespace

TEST_CASE("candidates are whole words of one token") {
  CHECK(whole_words(vocabulary) ==
        std::vector<std::string>{"of", "grim", "fine", "", "dull", "bright", "", "", ""});
}

TEST_CASE("the planted words are found, and only whole words") {
  const Automatic one = made(options(1), {0, 1, 1, 0, 1});
  CHECK(one.answer_text(0) == std::vector<std::string>{" grim"});
  CHECK(one.answer_text(1) == std::vector<std::string>{" fine"});
  CHECK(one.output_request().token_ids.equal(at::tensor({1, 2}, at::kLong)));
  CHECK((one.output_request().kind == OutputRequest::Kind::logits));
  const Automatic two = made(options(2), {0, 1, 1, 0, 1});
  CHECK(two.state().texts ==
        std::map<std::string, std::string>{{"words of bad", "grim\ndull"}, {"words of good", "fine\nbright"}});
}

TEST_CASE("scores are log-probabilities among the words, calibrated on request") {
  const auto log_sum = [](double a, double b) { return std::log(std::exp(a) + std::exp(b)); };
  const at::Tensor values = at::tensor({3.0, 2.5}).view({1, 2}); // grim, fine
  const at::Tensor plain = made(options(1), {0, 1}).score({values, {}}).values;
  CHECK(plain[0].item<double>() == doctest::Approx(3 - log_sum(3, 2.5)));
  // Content-free logits: "grim" 0, "fine" 1. Means over the examples (0, 1, 1): 4/3 and 3.
  const at::Tensor blank = made(options(1, "blank"), {0, 1, 1}).score({values, {}}).values;
  CHECK(blank[0].item<double>() == doctest::Approx(3 - log_sum(3, 1.5)));
  const at::Tensor train = made(options(1, "train"), {0, 1, 1}).score({values, {}}).values;
  CHECK(train[1].item<double>() == doctest::Approx(-0.5 - log_sum(3 - 4.0 / 3, -0.5)));
}

TEST_CASE("the loss has a gradient in the logits") {
  const Automatic verbalizer = made(options(2), {0, 1});
  const at::Tensor values = at::randn({2, 4}).set_requires_grad(true);
  Batch batch;
  batch.labels = at::tensor({1, -1}, at::kLong);
  const Scores scores = verbalizer.score({values, batch, {true, 0}});
  CHECK(scores.offsets == std::vector<int64_t>{0, 2, 4});
  const at::Tensor loss = verbalizer.loss({scores, batch});
  CHECK(loss.item<float>() == doctest::Approx(-scores.values.view({2, 2}).log_softmax(1)[0][1].item<float>()));
  loss.backward();
  CHECK(values.grad()[0].abs().sum().item<float>() > 0);
  CHECK(values.grad()[1].abs().sum().item<float>() == 0);
}

TEST_CASE("a card restores the words, and is refused without them") {
  const Automatic verbalizer = made(options(2, "blank"), {0, 1});
  Automatic restored(options(2, "blank"));
  restored.prepare({vocabulary, backbone, {"bad", "good"}, {}});
  const at::Tensor values = at::randn({3, 4});
  CHECK_THROWS_WITH_AS(restored.score({values, {}}), doctest::Contains("no label words yet"), UsageError);
  CHECK_THROWS_WITH_AS(restored.load_state({}), doctest::Contains("\"words of bad\""), DataError);
  restored.load_state(verbalizer.state());
  CHECK(restored.score({values, {}}).values.equal(verbalizer.score({values, {}}).values));
  CHECK(restored.answer_text(1) == verbalizer.answer_text(1));
  ComponentState truncated = verbalizer.state();
  truncated.tensors["calibration"] = at::zeros({3});
  CHECK_THROWS_WITH_AS(restored.load_state(truncated), doctest::Contains("should be 4"), DataError);
}

TEST_CASE("failed searches are reported") {
  CHECK_THROWS_WITH_AS(made(options(1), {0, 0}), doctest::Contains("label \"good\" has none"), DataError);
  CHECK_THROWS_WITH_AS(made(options(1), {}), doctest::Contains("label \"bad\" has none"), DataError);
  CHECK_THROWS_WITH_AS(made(options(5), {0, 1}), doctest::Contains("same words"), DataError);
  testing::NoBackbone headless;
  headless.shape_.has_lm_head = false;
  Automatic verbalizer(options(1));
  CHECK_THROWS_AS(verbalizer.prepare({vocabulary, headless, {"a", "b"}, {}}), UsageError);
}
