// A model that says "grim" on rows of one label and "fine" on those of the other, and other things more often.
#include "automatic.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::automatic;

namespace {

// "of" is said most, "x" is no word of two letters, 7 is the second token of "unheard".
const testing::WordVocabulary vocabulary({{"of", {0}},
                                          {"grim", {1}},
                                          {"fine", {2}},
                                          {"x", {3}},
                                          {"dull", {4}},
                                          {"bright", {5}},
                                          {"unheard", {6, 7}}},
                                         9);
const testing::NoBackbone backbone;
constexpr auto before = Verbalizer::Moment::before_training;

/// Scores of the nine tokens for a row of `label`; of the prompt without content for -1.
std::vector<float> said(int64_t label) {
  std::vector<float> scores{6, 0, 1, 0, 0, 0, 0, 0, 0};
  if (label == 0)
    scores[1] = scores[3] = 4, scores[4] = 3, scores[7] = 9;
  if (label == 1)
    scores[2] = 4, scores[5] = 3, scores[6] = 9, scores[8] = 9;
  return scores;
}

class PretendedScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<const Example*> examples = request.examples;
    if (request.prompts)
      examples.assign(request.prompts->size(), &nothing_);
    for (const Example* example : examples) { // a batch for each
      at::Tensor values = at::tensor(said(example->label)).view({1, 9});
      if (request.readout.kind == Readout::Kind::log_probs)
        values = values.log_softmax(1);
      if (request.readout.ids.defined())
        values = values.index_select(1, request.readout.ids);
      Batch batch;
      batch.examples = {example};
      use(values, batch);
    }
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }

private:
  Example nothing_;
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

struct Rows {
  std::vector<Example> examples;
  explicit Rows(const std::vector<int64_t>& labels) {
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
  verbalizer.prepare({vocabulary, backbone, {"bad", "good"}, {{"not"}, {"looked at"}}});
  PretendedScorer scorer;
  verbalizer.calibrate(scorer);
  const Rows rows(labels);
  verbalizer.fit(scorer, rows.pointers(), before);
  return verbalizer;
}

} // namespace

TEST_CASE("words that can stand for a label are whole words of one token") {
  CHECK(whole_words(vocabulary) ==
        std::vector<std::string>{"of", "grim", "fine", "", "dull", "bright", "", "", ""});
}

TEST_CASE("the planted words are found, and nothing that is no word") {
  const Automatic one = made(options(1), {0, 1, 1, 0, 1});
  CHECK(one.answer_text(0) == std::vector<std::string>{" grim"});
  CHECK(one.answer_text(1) == std::vector<std::string>{" fine"});
  CHECK(one.readout().ids.equal(at::tensor({1, 2}, at::kLong)));
  CHECK((one.readout().kind == Readout::Kind::scores));
  const Automatic two = made(options(2), {0, 1, 1, 0, 1});
  CHECK(two.export_learned().texts ==
        std::map<std::string, std::string>{{"words of bad", "grim\ndull"}, {"words of good", "fine\nbright"}});
}

TEST_CASE("scores are log-probabilities among the words, calibrated where asked") {
  const auto log_sum = [](double a, double b) { return std::log(std::exp(a) + std::exp(b)); };
  const at::Tensor values = at::tensor({3.0, 2.5}).view({1, 2}); // grim, fine
  const at::Tensor plain = made(options(1), {0, 1}).score(values, {}, {}).values;
  CHECK(plain[0].item<double>() == doctest::Approx(3 - log_sum(3, 2.5)));
  // Without content "fine" scores 1 and "grim" 0; over the rows (0, 1, 1) they score 4/3 and 3.
  const at::Tensor blank = made(options(1, "blank"), {0, 1, 1}).score(values, {}, {}).values;
  CHECK(blank[0].item<double>() == doctest::Approx(3 - log_sum(3, 1.5)));
  const at::Tensor train = made(options(1, "train"), {0, 1, 1}).score(values, {}, {}).values;
  CHECK(train[1].item<double>() == doctest::Approx(-0.5 - log_sum(3 - 4.0 / 3, -0.5)));
}

TEST_CASE("the loss has a gradient in what is read") {
  const Automatic verbalizer = made(options(2), {0, 1});
  const at::Tensor values = at::randn({2, 4}).set_requires_grad(true);
  Batch batch;
  batch.labels = at::tensor({1, -1}, at::kLong);
  const Scores scores = verbalizer.score(values, batch, {true, 0});
  CHECK(scores.offsets == std::vector<int64_t>{0, 2, 4});
  const at::Tensor loss = verbalizer.loss(scores, batch);
  CHECK(loss.item<float>() == doctest::Approx(-scores.values.view({2, 2}).log_softmax(1)[0][1].item<float>()));
  loss.backward();
  CHECK(values.grad()[0].abs().sum().item<float>() > 0);
  CHECK(values.grad()[1].abs().sum().item<float>() == 0);
}

TEST_CASE("a card brings the words back, and is refused without them") {
  const Automatic verbalizer = made(options(2, "blank"), {0, 1});
  Automatic restored(options(2, "blank"));
  restored.prepare({vocabulary, backbone, {"bad", "good"}, {}});
  const at::Tensor values = at::randn({3, 4});
  CHECK_THROWS_WITH_AS(restored.score(values, {}, {}), doctest::Contains("no label words yet"), UsageError);
  CHECK_THROWS_WITH_AS(restored.import_learned({}), doctest::Contains("\"words of bad\""), DataError);
  restored.import_learned(verbalizer.export_learned());
  CHECK(restored.score(values, {}, {}).values.equal(verbalizer.score(values, {}, {}).values));
  CHECK(restored.answer_text(1) == verbalizer.answer_text(1));
  Learned short_one = verbalizer.export_learned();
  short_one.tensors["calibration"] = at::zeros({3});
  CHECK_THROWS_WITH_AS(restored.import_learned(short_one), doctest::Contains("should be 4"), DataError);
}

TEST_CASE("what can't be searched is said") {
  CHECK_THROWS_WITH_AS(made(options(1), {0, 0}), doctest::Contains("label \"good\" has none"), DataError);
  CHECK_THROWS_WITH_AS(made(options(1), {}), doctest::Contains("label \"bad\" has none"), DataError);
  CHECK_THROWS_WITH_AS(made(options(5), {0, 1}), doctest::Contains("same words"), DataError);
  testing::NoBackbone headless;
  headless.shape_.scores_vocabulary = false;
  Automatic verbalizer(options(1));
  CHECK_THROWS_AS(verbalizer.prepare({vocabulary, headless, {"a", "b"}, {}}), UsageError);
}
