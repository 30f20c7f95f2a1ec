// Answers that are parts of a text, through the engine: planted ones are found, in windows of a long text too,
// in any company, and a card says the same again.
#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "engine/dev_metric.hpp"
#include "engine/ensemble.hpp"
#include "engine/tokenized_example.hpp"
#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Texts of up to `longest` words in which "x7" stands once; it is the answer.
std::vector<Example> contexts(int64_t count, uint64_t longest, uint64_t seed) {
  const std::vector<std::string> others{"the", "film", "was", "good", "a", "plot", "of", "long", "and"};
  Random random(seed);
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const uint64_t words = 2 + random.below(longest - 1), place = random.below(words);
    std::string text;
    for (uint64_t word = 0; word < words; ++word) {
      text += text.empty() ? "" : " ";
      if (word == place)
        examples[i].spans = {{"context", std::ssize(text), std::ssize(text) + 2}};
      text += word == place ? "x7" : others[random.below(others.size())];
    }
    examples[i].fields = {{"context", text}, {"question", "film ?"}};
    examples[i].line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

Method method_of(const Model& model, const LengthLimit& limit, const std::string& tuner = "manual") {
  MethodChoice choice;
  choice.name = "spans";
  choice.prompt_template.set = {{"text", R"({"placeholder": "question", "shortenable": False} {context})"}};
  choice.verbalizer = {"spans", {{"dropout", "0"}}};
  choice.tuner = {tuner, {}};
  choice.metric = "squad-f1";
  choice.limit = limit;
  choice.seed = 1;
  return make_method(model, plugins(), choice);
}

FitSettings settings() {
  FitSettings settings;
  settings.steps = 300;
  settings.learning_rate = 0.05;
  settings.batch_size = 16;
  settings.evaluate_every = 100;
  return settings;
}

} // namespace

TEST_CASE("a planted answer is found, in windows of a text that is too long") {
  for (const char* name : {"bert-mlm", "llama-tied"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = contexts(192, 30, 1), dev = contexts(32, 30, 2);
    Method method = method_of(model, {20, Truncate::windows});
    CHECK((method.predicts() == Predicts::texts));
    CHECK(method.parameters() == 2 * model.backbone().shape().hidden + 2);
    const TrainResult result = train(model, {{method, rows, dev}}, settings(), 7);
    CHECK(result.report.losses.front() > 1);
    CHECK(result.report.losses.back() < 0.2);
    CHECK(result.report.best_dev > 0.95);

    std::size_t windowed = 0, right = 0;
    const std::vector<Prediction> together = Predictor(model, {&method}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i) {
      CAPTURE(dev[i].fields.at("context"));
      right += together[i].decision.text == "x7";
      windowed += tokenized(method, model, dev[i]).size() > 1;
      const std::vector<Prediction> alone = Predictor(model, {&method}).predict({&dev[i]});
      CHECK(alone[0].decision.text == together[i].decision.text);
      CHECK(std::abs(alone[0].decision.value - together[i].decision.value) < 1e-4);
    }
    CHECK(windowed > 8);
    CHECK(right > 29);

    const Method again = method_from_card(model, plugins(), to_card(method, model));
    CHECK((again.limit.truncate == Truncate::windows));
    const std::vector<Prediction> repeated = Predictor(model, {&again}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i)
      CHECK(repeated[i].decision.value == together[i].decision.value);

    // Cut instead, what stood behind the cut can't be the answer.
    method.limit.truncate = Truncate::tail;
    const std::vector<Prediction> cut = Predictor(model, {&method}).predict(pointers(dev));
    CHECK(std::ranges::any_of(cut, [](const Prediction& one) { return one.decision.text != "x7"; }));
  }
}

TEST_CASE("learned rows in front leave the answer where it is") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = contexts(96, 12, 3), dev = contexts(16, 12, 4);
  Method method = method_of(model, {}, "prompt-tuning");
  CHECK(train(model, {{method, rows, dev}}, settings(), 7).report.best_dev == 1);
}

TEST_CASE("rows without an answer are left out, and windows need something that is read all over") {
  const Model model = tiny_model("bert-mlm");
  std::vector<Example> rows = contexts(16, 8, 5);
  rows[3].spans.clear();
  Method method = method_of(model, {});
  FitSettings few = settings();
  few.steps = 2;
  UnusableRows unusable;
  const TrainResult result = train(model, {{method, rows, {}}}, few, 7, {},
                                   [&](std::size_t, const UnusableRows& found) { unusable = found; });
  REQUIRE(result.report.losses.size() == 2);
  REQUIRE(unusable.train.size() == 1);
  CHECK(unusable.train[0].line == 4);
  CHECK(unusable.train[0].reason.find("data.spans") != std::string::npos);
  CHECK_THROWS_AS(references_of(rows[3]), DataError);
  CHECK(references_of(rows[0]) == std::vector<std::string>{"x7"});

  MethodChoice choice;
  choice.prompt_template.set = {{"text", "{text} {\"mask\"}"}};
  choice.labels = {"bad", "good"};
  choice.limit.truncate = Truncate::windows;
  CHECK_THROWS_WITH_AS(make_method(model, plugins(), choice), doctest::Contains("in windows"), UsageError);
}

TEST_CASE("members of an ensemble that find texts elect one") {
  const auto found = [](const std::string& text, double value) {
    Decision decision;
    decision.text = text;
    decision.value = value;
    return decision;
  };
  CHECK(joined({found("a", -0.1), found("b", -2), found("b", -1)}, Vote::mean).text == "b");
  CHECK(joined({found("a", -0.1), found("b", -2)}, Vote::majority).text == "a");
}
