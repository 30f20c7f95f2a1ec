// Words from a file, filtered by what a pretended model says, weighted; against direct computations.
#include "knowledgeable.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>
#include <cuecard/testing/no_backbone.hpp>
#include <cuecard/testing/no_engine.hpp>
#include <cuecard/testing/word_vocabulary.hpp>

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::knowledgeable;

namespace {

// good: fine, great, rare (hardly ever said), fishy (goes with bad); bad: poor, dull, long-winded (two tokens).
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
constexpr auto before = Verbalizer::Moment::before_training;

/// What is said of row `row`: two good ones, then two bad ones.
at::Tensor said(int64_t row) {
  at::Tensor scores = row < 2
                          ? at::tensor({4.0f, 3.0f, -9.0f, 0.0f, 0.0f, 0.5f, 1.0f, 1.0f, 2.0f, 2.0f, -5.0f})
                          : at::tensor({0.0f, 0.5f, -9.0f, 3.0f, 4.0f, 3.0f, 3.0f, 1.0f, 2.0f, 2.0f, -5.0f});
  return scores + 0.1f * static_cast<float>(row);
}
at::Tensor said_blank() {
  return at::arange(11, at::kFloat).sin();
}

class PretendedScorer final : public testing::NoScorer {
public:
  void score(const ScoreRequest& request,
             const std::function<void(const at::Tensor&, const Batch&)>& use) override {
    std::vector<at::Tensor> rows;
    for (const Example* example : request.examples)
      rows.push_back(said(example->line));
    if (request.prompts)
      rows.push_back(said_blank());
    at::Tensor values = at::stack(rows);
    if (request.readout.kind == Readout::Kind::log_probs)
      values = values.log_softmax(1);
    if (request.readout.ids.defined())
      values = values.index_select(1, request.readout.ids);
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
  PretendedScorer scorer;
  verbalizer.calibrate(scorer);
  std::vector<Example> rows(4);
  std::vector<const Example*> pointers;
  for (std::size_t i = 0; i < 4; ++i) {
    rows[i].line = static_cast<int64_t>(i);
    pointers.push_back(&rows[i]);
  }
  verbalizer.fit(scorer, pointers, before);
  return verbalizer;
}

std::string words_of(const Knowledgeable& verbalizer, const std::string& label) {
  return verbalizer.export_learned().texts.at("words of " + label);
}

/// log p of the words that `tokens` name, over all of them together.
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

TEST_CASE("what can't be spelled and what stands for two labels is dropped; long words where asked") {
  CHECK(words_of(made(options()), "good") == "fine\nrare\nfishy");
  CHECK(words_of(made(options()), "bad") == "poor\ndull\nlong-winded");
  Options short_ones = options();
  short_ones.set("max-tokens", int64_t{1});
  CHECK(words_of(made(short_ones), "bad") == "poor\ndull");
  CHECK(made(options()).answer_text(1) == std::vector<std::string>{" poor"});
}

TEST_CASE("training rows say which words stay") {
  CHECK(words_of(made(options(0.2)), "good") == "fine\nfishy"); // "rare" is rare
  CHECK(words_of(made(options(0, 1)), "good") == "fine\nrare"); // "fishy" goes with the bad rows
  const Knowledgeable both = made(options(0.2, 1));
  CHECK(words_of(both, "good") == "fine");
  CHECK(words_of(both, "bad") == "poor\ndull\nlong-winded");
  CHECK(words_of(made(options(0.99)), "good") == "fine"); // the last one stays
}

TEST_CASE("scores: untrained they are the mean, then the weighted mean, sharpened in prediction alone") {
  Knowledgeable verbalizer = made(options(0.2, 0, "none", 3));
  const at::Tensor ids = verbalizer.readout().ids;
  CHECK(ids.equal(at::tensor({0, 3, 4, 5, 6, 7}, at::kLong)));
  const at::Tensor row = said_blank(), values = row.index_select(0, ids).unsqueeze(0);
  const std::vector<double> y = joint(row, {{0}, {3}, {4}, {5}, {6, 7}});
  const at::Tensor plain = verbalizer.score(values, {}, {}).values;
  CHECK(plain[0].item<double>() == doctest::Approx((y[0] + y[1]) / 2));
  CHECK(plain[1].item<double>() == doctest::Approx((y[2] + y[3] + y[4]) / 3));
  Learned learned = verbalizer.export_learned();
  learned.tensors["weights"] = at::tensor({0.5f, -0.5f, 1.0f, 0.0f, 2.0f});
  verbalizer.import_learned(learned);
  for (const bool learn : {true, false}) {
    const double t = learn ? 1 : 3;
    const auto mean = [&](std::vector<double> w, std::vector<double> of) {
      double sum = 0, total = 0;
      for (std::size_t i = 0; i < w.size(); ++i) {
        sum += std::exp(t * w[i]) * of[i];
        total += std::exp(t * w[i]);
      }
      return sum / total;
    };
    const at::Tensor scores = verbalizer.score(values, {}, {learn, 0}).values;
    CHECK(scores[0].item<double>() == doctest::Approx(mean({0.5, -0.5}, {y[0], y[1]})));
    CHECK(scores[1].item<double>() == doctest::Approx(mean({1, 0, 2}, {y[2], y[3], y[4]})));
  }
}

TEST_CASE("calibration divides out what is said without content, or over training rows") {
  for (const std::string how : {"blank", "train"}) {
    CAPTURE(how);
    const Knowledgeable verbalizer = made(options(0.2, 1, how));
    at::Tensor prior = said_blank();
    if (how == "train")
      prior =
          (said(0).log_softmax(0) + said(1).log_softmax(0) + said(2).log_softmax(0) + said(3).log_softmax(0)) /
          4;
    const std::vector<std::vector<int64_t>> tokens{{0}, {4}, {5}, {6, 7}};
    const std::vector<double> p = joint(said(1), tokens), q = joint(prior, tokens);
    double sum = 0;
    for (std::size_t w = 0; w < 4; ++w)
      sum += std::exp(p[w] - q[w]);
    const auto y = [&](std::size_t w) { return p[w] - q[w] - std::log(sum); };
    const at::Tensor scores =
        verbalizer.score(said(1).index_select(0, verbalizer.readout().ids).unsqueeze(0), {}, {}).values;
    CHECK(scores[0].item<double>() == doctest::Approx(y(0)).epsilon(1e-5));
    CHECK(scores[1].item<double>() == doctest::Approx((y(1) + y(2) + y(3)) / 3).epsilon(1e-5));
  }
}

TEST_CASE("the weights learn: their gradient is that of the weighted mean") {
  Knowledgeable verbalizer = made(options());
  REQUIRE(verbalizer.parameters().size() == 1);
  CHECK(verbalizer.parameters()[0].learning_rate_scale == 2);
  at::Tensor weights = verbalizer.parameters()[0].tensors.at(0);
  CHECK(weights.numel() == 6);
  const at::Tensor values = said(0).index_select(0, verbalizer.readout().ids).unsqueeze(0);
  Batch batch;
  batch.labels = at::tensor({0}, at::kLong);
  verbalizer.loss(verbalizer.score(values, batch, {true, 0}), batch).backward();
  const std::vector<double> y = joint(said(0), {{0}, {2}, {3}, {4}, {5}, {6, 7}});
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

TEST_CASE("a card needs no file; filtering again keeps the weights of words that stay") {
  Knowledgeable verbalizer = made(options(0.2, 0, "blank"));
  Learned learned = verbalizer.export_learned();
  learned.tensors["weights"] = at::tensor({0.1f, 0.2f, 0.3f, 0.4f, 0.5f});
  verbalizer.import_learned(learned);
  Knowledgeable restored(options(0.2, 1, "blank"));
  restored.prepare({vocabulary, backbone, {"good", "bad"}, {}});
  const at::Tensor values = at::randn({2, 6});
  CHECK_THROWS_WITH_AS(restored.score(values, {}, {}), doctest::Contains("was not read"), UsageError);
  restored.import_learned(verbalizer.export_learned());
  CHECK(restored.score(values, {}, {}).values.equal(verbalizer.score(values, {}, {}).values));
  Learned wrong = learned;
  wrong.tensors["weights"] = at::zeros({4});
  CHECK_THROWS_WITH_AS(restored.import_learned(wrong), doctest::Contains("should be 5"), DataError);
  PretendedScorer scorer;
  std::vector<Example> rows(3);
  rows[1].line = rows[2].line = 3;
  restored.fit(scorer, {&rows[0], &rows[1], &rows[2]}, before); // "fishy" goes
  CHECK(restored.export_learned().tensors.at("weights").equal(at::tensor({0.1f, 0.3f, 0.4f, 0.5f})));
}

TEST_CASE("what can't be is said") {
  Knowledgeable verbalizer(options(0.5));
  const auto prepare = [&](const std::string& text) {
    verbalizer.prepare({vocabulary, backbone, {"good", "bad"}, {}, {}, {{"words", text}}});
  };
  CHECK_THROWS_WITH_AS(prepare("unheard\npoor"), doctest::Contains("\"unheard\" of label \"good\""),
                       UsageError);
  CHECK_THROWS_WITH_AS(prepare("fine"), doctest::Contains("1 lines"), DataError);
  prepare(file);
  PretendedScorer scorer;
  CHECK_THROWS_WITH_AS(verbalizer.fit(scorer, {}, before), doctest::Contains("there are none"), DataError);
}
