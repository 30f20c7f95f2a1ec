// Words from a file, filtered and weighted with a fake model, against direct computations.
#include "knowledgeable.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::knowledgeable;

namespace {

// good: fine, great, rare (very unlikely), fishy (similar to bad); bad: poor, dull, long-winded (two tokens).
const testing::WordVocabulary vocabulary({{"fine", {0}},
                                          {"great", {1}},
                                          {"rare", {2}},
                                          {"fishy", {3}},
                                          {"poor", {4}},
                                          {"dull", {5}},
                                          {"long-winded", {6, 7}},
                                          {"the", {8}},
                                          {"a", {9}}},
                                         11);
const testing::NoBackbone backbone;
const std::string file = "fine,great,rare,fishy,unheard\npoor,dull,long-winded,great\n";
constexpr auto before = VerbalizerFitArgs::Moment::before_training;

/// Logits for example `index`: two good ones, then two bad ones.
at::Tensor logits_of(int64_t index) {
  at::Tensor logits = index < 2
                          ? at::tensor({4.0f, 3.0f, -9.0f, 0.0f, 0.0f, 0.5f, 1.0f, 1.0f, 2.0f, 2.0f, -5.0f})
                          : at::tensor({0.0f, 0.5f, -9.0f, 3.0f, 4.0f, 3.0f, 3.0f, 1.0f, 2.0f, 2.0f, -5.0f});
  return logits + 0.1f * static_cast<float>(index);
}
at::Tensor blank_logits() {
  return at::arange(11, at::kFloat).sin();
}

class FakeScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<at::Tensor> logits;
    for (const Example* example : request.examples)
      logits.push_back(logits_of(example->line));
    if (request.prompts)
      logits.push_back(blank_logits());
    at::Tensor values = at::stack(logits);
    if (request.output.kind == OutputRequest::Kind::log_probs)
      values = values.log_softmax(1);
    if (request.output.token_ids.defined())
      values = values.index_select(1, request.output.token_ids);
    use(values.narrow(0, 0, 1), Batch{}); // in two parts
    if (values.size(0) > 1)
      use(values.narrow(0, 1, values.size(0) - 1), Batch{});
  }
  std::vector<Prompt> blank() override { return {Prompt{}}; }
};

Options options(double frequency = 0, double relevance = 0, const std::string& calibrate = "none",
                double temperature = 1) {
  Options made;
  made.set("words", std::string("words.txt"));
  made.set("choice", int64_t{0});
  made.set("multi-token-handler", std::string("mean"));
  made.set("prefix", std::string(" "));
  made.set("max-tokens", int64_t{0});
  made.set("frequency", frequency);
  made.set("relevance", relevance);
  made.set("calibrate", calibrate);
  made.set("calibrate-rows", int64_t{200});
  made.set("learn-weights", true);
  made.set("lr-scale", 2.0);
  made.set("pred-temp", temperature);
  return made;
}

Knowledgeable made(const Options& chosen) {
  Knowledgeable verbalizer(chosen);
  verbalizer.prepare({vocabulary, backbone, {"good", "bad"}, {}, {}, {{"words", file}}});
  FakeScorer scorer;
  verbalizer.calibrate(scorer);
  std::vector<Example> examples(4);
  std::vector<const Example*> pointers;
  for (std::size_t i = 0; i < 4; ++i) {
    examples[i].line = static_cast<int64_t>(i);
    pointers.push_back(&examples[i]);
  }
  verbalizer.fit({scorer, pointers, before});
  return verbalizer;
}

std::string words_of(const Knowledgeable& verbalizer, const std::string& label) {
  return verbalizer.state().texts.at("words of " + label);
}

/// log p of the words in `tokens`, normalised over all of them together.
std::vector<double> joint(const at::Tensor& scores, const std::vector<std::vector<int64_t>>& tokens) {
  std::vector<double> x;
  double sum = 0;
  for (const std::vector<int64_t>& word : tokens) {
    double mean = 0;
    for (const int64_t token : word)
      mean += scores[token].item<double>() / static_cast<double>(word.size());
    x.push_back(mean);
    sum += std::exp(mean);
  }
  for (double& value : x)
    value -= std::log(sum);
  return x;
}

} // namespace

TEST_CASE("words that can't be encoded or have two labels are dropped, and long words on request") {
  CHECK(words_of(made(options()), "good") == "fine\nrare\nfishy");
  CHECK(words_of(made(options()), "bad") == "poor\ndull\nlong-winded");
  Options short_ones = options();
  short_ones.set("max-tokens", int64_t{1});
  CHECK(words_of(made(short_ones), "bad") == "poor\ndull");
  CHECK(made(options()).answer_text(1) == std::vector<std::string>{" poor"});
}

TEST_CASE("words are filtered on training examples") {
  CHECK(words_of(made(options(0.2)), "good") == "fine\nfishy"); // "rare" is rare
  CHECK(words_of(made(options(0, 1)), "good") == "fine\nrare"); // "fishy" is similar to the bad label
  const Knowledgeable both = made(options(0.2, 1));
  CHECK(words_of(both, "good") == "fine");
  CHECK(words_of(both, "bad") == "poor\ndull\nlong-winded");
  CHECK(words_of(made(options(0.99)), "good") == "fine"); // the first word is kept
}

TEST_CASE("scores are the mean, after training the weighted mean; the temperature applies at inference only") {
  Knowledgeable verbalizer = made(options(0.2, 0, "none", 3));
  const at::Tensor ids = verbalizer.output_request().token_ids;
  CHECK(ids.equal(at::tensor({0, 3, 4, 5, 6, 7}, at::kLong)));
  const at::Tensor blank = blank_logits(), values = blank.index_select(0, ids).unsqueeze(0);
  const std::vector<double> y = joint(blank, {{0}, {3}, {4}, {5}, {6, 7}});
  const at::Tensor plain = verbalizer.score({values, {}}).values;
  CHECK(plain[0].item<double>() == doctest::Approx((y[0] + y[1]) / 2));
  CHECK(plain[1].item<double>() == doctest::Approx((y[2] + y[3] + y[4]) / 3));
  ComponentState state = verbalizer.state();
  state.tensors["weights"] = at::tensor({0.5f, -0.5f, 1.0f, 0.0f, 2.0f});
  verbalizer.load_state(state);
  for (const bool training : {true, false}) {
    const double t = training ? 1 : 3;
    const auto mean = [&](std::vector<double> w, std::vector<double> of) {
      double sum = 0, total = 0;
      for (std::size_t i = 0; i < w.size(); ++i) {
        sum += std::exp(t * w[i]) * of[i];
        total += std::exp(t * w[i]);
      }
      return sum / total;
    };
    const at::Tensor scores = verbalizer.score({values, {}, {training, 0}}).values;
    CHECK(scores[0].item<double>() == doctest::Approx(mean({0.5, -0.5}, {y[0], y[1]})));
    CHECK(scores[1].item<double>() == doctest::Approx(mean({1, 0, 2}, {y[2], y[3], y[4]})));
  }
}

TEST_CASE("calibration divides out the probabilities for content-free input, or over training examples") {
  for (const std::string how : {"blank", "train"}) {
    CAPTURE(how);
    const Knowledgeable verbalizer = made(options(0.2, 1, how));
    at::Tensor prior = blank_logits();
    if (how == "train")
      prior = (logits_of(0).log_softmax(0) + logits_of(1).log_softmax(0) + logits_of(2).log_softmax(0) +
               logits_of(3).log_softmax(0)) /
              4;
    const std::vector<std::vector<int64_t>> tokens{{0}, {4}, {5}, {6, 7}};
    const std::vector<double> p = joint(logits_of(1), tokens), q = joint(prior, tokens);
    double sum = 0;
    for (std::size_t w = 0; w < 4; ++w)
      sum += std::exp(p[w] - q[w]);
    const auto y = [&](std::size_t w) { return p[w] - q[w] - std::log(sum); };
    const at::Tensor scores =
        verbalizer.score({logits_of(1).index_select(0, verbalizer.output_request().token_ids).unsqueeze(0), {}})
            .values;
    CHECK(scores[0].item<double>() == doctest::Approx(y(0)).epsilon(1e-5));
    CHECK(scores[1].item<double>() == doctest::Approx((y(1) + y(2) + y(3)) / 3).epsilon(1e-5));
  }
}

TEST_CASE("the gradient of the weights is that of the weighted mean") {
  Knowledgeable verbalizer = made(options());
  REQUIRE(verbalizer.parameters().size() == 1);
  CHECK(verbalizer.parameters()[0].learning_rate_scale == 2);
  at::Tensor weights = verbalizer.parameters()[0].tensors.at(0);
  CHECK(weights.numel() == 6);
  const at::Tensor values = logits_of(0).index_select(0, verbalizer.output_request().token_ids).unsqueeze(0);
  Batch batch;
  batch.labels = at::tensor({0}, at::kLong);
  verbalizer.loss({verbalizer.score({values, batch, {true, 0}}), batch}).backward();
  const std::vector<double> y = joint(logits_of(0), {{0}, {2}, {3}, {4}, {5}, {6, 7}});
  const double good = (y[0] + y[1] + y[2]) / 3, bad = (y[3] + y[4] + y[5]) / 3;
  const double p_bad = 1 / (1 + std::exp(good - bad));
  for (int64_t w = 0; w < 6; ++w) // d mean / d weight = share * (log p - mean)
    CHECK(
        weights.grad()[w].item<double>() ==
        doctest::Approx((w < 3 ? -p_bad : p_bad) / 3 * (y[static_cast<std::size_t>(w)] - (w < 3 ? good : bad)))
            .epsilon(1e-4));
  Options fixed = options();
  fixed.set("learn-weights", false);
  CHECK(made(fixed).parameters().empty());
}

TEST_CASE("a card needs no file; filtering again keeps the weights of the remaining words") {
  Knowledgeable verbalizer = made(options(0.2, 0, "blank"));
  ComponentState state = verbalizer.state();
  state.tensors["weights"] = at::tensor({0.1f, 0.2f, 0.3f, 0.4f, 0.5f});
  verbalizer.load_state(state);
  Knowledgeable restored(options(0.2, 1, "blank"));
  restored.prepare({vocabulary, backbone, {"good", "bad"}, {}});
  const at::Tensor values = at::randn({2, 6});
  CHECK_THROWS_WITH_AS(restored.score({values, {}}), doctest::Contains("is missing"), UsageError);
  restored.load_state(verbalizer.state());
  CHECK(restored.score({values, {}}).values.equal(verbalizer.score({values, {}}).values));
  ComponentState wrong = state;
  wrong.tensors["weights"] = at::zeros({4});
  CHECK_THROWS_WITH_AS(restored.load_state(wrong), doctest::Contains("should be 5"), DataError);
  FakeScorer scorer;
  std::vector<Example> examples(3);
  examples[1].line = examples[2].line = 3;
  restored.fit({scorer, {&examples[0], &examples[1], &examples[2]}, before}); // drops "fishy"
  CHECK(restored.state().tensors.at("weights").equal(at::tensor({0.1f, 0.3f, 0.4f, 0.5f})));
}

TEST_CASE("errors in words and examples are reported") {
  Knowledgeable verbalizer(options(0.5));
  const auto prepare = [&](const std::string& text) {
    verbalizer.prepare({vocabulary, backbone, {"good", "bad"}, {}, {}, {{"words", text}}});
  };
  CHECK_THROWS_WITH_AS(prepare("unheard\npoor"), doctest::Contains("\"unheard\" of label \"good\""),
                       UsageError);
  CHECK_THROWS_WITH_AS(prepare("fine"), doctest::Contains("1 lines"), DataError);
  prepare(file);
  FakeScorer scorer;
  CHECK_THROWS_WITH_AS(verbalizer.fit({scorer, {}, before}), doctest::Contains("there are none"), DataError);
}
