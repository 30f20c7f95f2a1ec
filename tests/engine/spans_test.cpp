// Answers that are spans of a text, through the engine: planted ones are found, also in windows of a long text,
// whatever else is in the batch, and a reloaded card predicts the same.
#include <cmath>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "engine/predict/ensemble.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/train/dev_metric.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

/// Texts of up to `longest` words that contain "x7" once; it is the answer.
std::vector<Example> contexts(int64_t count, uint64_t longest, uint64_t seed) {
  const std::vector<std::string> others{"the", "film", "was", "good", "a", "plot", "of", "long", "and"};
  Random random(seed + test_seed());
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

TaskPipeline pipeline_of(const Model& model, const LengthLimit& limit, const std::string& tuner = "manual") {
  PipelineChoice choice;
  choice.name = "spans";
  choice.prompt_template.set = {{"text", R"({"placeholder": "question", "shortenable": False} {context})"}};
  choice.verbalizer = {"spans", {{"dropout", "0"}}};
  choice.tuner = {tuner, {}};
  choice.metric = "squad-f1";
  choice.limit = limit;
  choice.seed = 1 + test_seed();
  return make_pipeline(model, plugins(), choice);
}

FitRequest some_steps(int64_t steps) {
  FitRequest request = steps_of(steps, 16, 0.05);
  request.evaluate_every = 100;
  return request;
}

} // namespace

TEST_CASE("a planted answer is found, in windows of a text that is too long") {
  for (const char* name : {"bert-mlm", "llama-tied"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = contexts(384, 30, 1), dev = contexts(32, 30, 2);
    TaskPipeline pipeline = pipeline_of(model, {20, Truncate::windows});
    CHECK((pipeline.predicts() == Predicts::texts));
    CHECK(pipeline.parameters() == 2 * model.shape().hidden + 2);
    FitRequest faster = some_steps(300);
    faster.learning_rate = 0.1;
    const TrainResult result = train(model, {{pipeline, rows, dev}}, faster, 7);
    CHECK(result.report.losses.front() > 1);
    CHECK(result.report.losses.back() < 0.2);
    CHECK(result.report.best_dev > 0.8); // by chance one word in sixteen

    std::size_t windowed = 0, right = 0;
    const std::vector<Prediction> together = Predictor(model, {&pipeline}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i) {
      CAPTURE(dev[i].fields.at("context"));
      right += together[i].decision.text == "x7";
      windowed += tokenized(pipeline, model, dev[i]).size() > 1;
      const std::vector<Prediction> alone = Predictor(model, {&pipeline}).predict({&dev[i]});
      CHECK(alone[0].decision.text == together[i].decision.text);
      CHECK(std::abs(alone[0].decision.value - together[i].decision.value) < 1e-4);
    }
    CHECK(windowed > 8);
    CHECK(right > 24);

    const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(pipeline, model));
    CHECK((again.limit.truncate == Truncate::windows));
    const std::vector<Prediction> repeated = Predictor(model, {&again}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i)
      CHECK(repeated[i].decision.value == together[i].decision.value);

    // With truncation instead, what was removed can't be the answer.
    pipeline.limit.truncate = Truncate::tail;
    const std::vector<Prediction> cut = Predictor(model, {&pipeline}).predict(pointers(dev));
    CHECK(std::ranges::any_of(cut, [](const Prediction& one) { return one.decision.text != "x7"; }));
  }
}

TEST_CASE("a soft prompt before the text does not shift the answer") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = contexts(96, 12, 3), dev = contexts(16, 12, 4);
  TaskPipeline pipeline = pipeline_of(model, {}, "prompt-tuning");
  CHECK(train(model, {{pipeline, rows, dev}}, some_steps(300), 7).report.best_dev == 1);
}

TEST_CASE("examples without an answer are skipped, and windows need a verbalizer of tokens or words") {
  const Model model = tiny_model("bert-mlm");
  std::vector<Example> rows = contexts(16, 8, 5);
  rows[3].spans.clear();
  TaskPipeline pipeline = pipeline_of(model, {});
  PreparedExamples prepared;
  const TrainResult result = train(model, {{pipeline, rows, {}}}, some_steps(2), 7, {},
                                   [&](std::size_t, const PreparedExamples& found) { prepared = found; });
  REQUIRE(result.report.losses.size() == 2);
  REQUIRE(prepared.skipped_train.size() == 1);
  CHECK(prepared.skipped_train[0].line == 4);
  CHECK(prepared.skipped_train[0].reason.find("data.spans") != std::string::npos);
  CHECK_THROWS_AS(references_of(rows[3]), DataError);
  CHECK(references_of(rows[0]) == std::vector<std::string>{"x7"});

  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text} {\"mask\"}"}};
  choice.labels = {"bad", "good"};
  choice.limit.truncate = Truncate::windows;
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice),
                       doctest::Contains("\"truncate\": \"windows\" is for verbalizers"), UsageError);
}

TEST_CASE("members of an ensemble that find texts vote for one") {
  const auto found = [](const std::string& text, double value) {
    Decision decision;
    decision.text = text;
    decision.value = value;
    return decision;
  };
  CHECK(joined({found("a", -0.1), found("b", -2), found("b", -1)}, Vote::mean).text == "b");
  CHECK(joined({found("a", -0.1), found("b", -2)}, Vote::majority).text == "a");
}
