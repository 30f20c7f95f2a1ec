// Tasks whose answers are texts: several references, the metric on the development set, unsuitable metrics.
#include <algorithm>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "engine/train/dev_metric.hpp"
#include "metrics/text_metrics.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

TaskPipeline writing_pipeline(const Model& model, const std::string& metric = "") {
  PipelineChoice choice;
  choice.name = "writes";
  choice.prompt_template.set = {{"text", "Review: {text} It was{\"mask\"}"}};
  choice.verbalizer = {"text", {{"max-new-tokens", "5"}}};
  choice.tuner = {"prompt-tuning", {{"length", "3"}}};
  choice.metric = metric;
  choice.seed = test_seed();
  return make_pipeline(model, plugins(), choice);
}

Example row_of(const std::string& text, std::vector<std::string> answers,
               std::vector<std::string> references = {}) {
  Example row;
  row.fields["text"] = text;
  row.answers = std::move(answers);
  row.references = std::move(references);
  return row;
}

} // namespace

TEST_CASE("examples with the same text are one input with all their answers as references") {
  const Model model = tiny_model("llama-tied");
  const TaskPipeline pipeline = writing_pipeline(model);
  std::vector<Example> rows{row_of("a", {"x"}),
                            row_of("b", {"y"}),
                            row_of("a", {"z"}),
                            row_of("a", {"x"}),
                            row_of("b", {}, {"v", "y", "w"}),
                            row_of("a", {"other"})};
  rows.back().meta["kind"] = "2"; // the template may read it
  const std::vector<Example> inputs = measured_inputs(pipeline, rows);
  REQUIRE(inputs.size() == 3);
  CHECK(inputs[0].references == std::vector<std::string>{"x", "z"});
  CHECK(inputs[1].references == std::vector<std::string>{"y", "v", "w"});
  CHECK(inputs[2].references == std::vector<std::string>{"other"});
  CHECK(references_of(row_of("a", {"two", "slots"})) == std::vector<std::string>{"two slots"});
  CHECK_THROWS_WITH_AS(require_answer(pipeline, row_of("a", {})), doctest::Contains("data.references"),
                       DataError);
  const TaskPipeline labels = two_label_pipeline(model, "labels", "{text}{\"mask\"}", "manual");
  CHECK(measured_inputs(labels, rows).size() == 6);
}

TEST_CASE("generated texts are evaluated in training, by the task's metric") {
  const Model model = tiny_model("llama-tied");
  std::vector<Example> rows = word_examples(4, 51);
  for (Example& row : rows)
    row.answers = {"the long film"};
  std::vector<Example> dev = word_examples(5, 52);
  for (Example& row : dev)
    row.answers = {"a good film of the plot"};
  dev.push_back(dev[0]); // another answer of the first input
  dev.back().answers = {"long"};
  dev.push_back(word_examples(9, 53)[8]); // without an answer
  FitRequest request = steps_of(2, 4, 0.1);
  request.evaluate_every = 1;
  for (const std::string metric : {"", "bleu", "chrf", "rouge-l"}) {
    CAPTURE(metric);
    TaskPipeline pipeline = writing_pipeline(model, metric);
    CHECK(pipeline.metric == (metric.empty() ? "exact-match" : metric));
    require_metric(pipeline);
    PreparedExamples prepared;
    const TrainResult result = train(model, {{pipeline, rows, dev}}, request, 1, {},
                                     [&](std::size_t, const PreparedExamples& found) { prepared = found; });
    CHECK(result.dev_examples.at(0) == 5);
    REQUIRE(prepared.skipped_dev.size() == 1);
    CHECK(prepared.skipped_dev[0].reason.find("no reference text") != std::string::npos);

    const std::vector<Example> known(dev.begin(), dev.begin() + 5);
    GeneratedTexts written;
    for (const Prediction& prediction : Predictor(model, {&pipeline}).predict(pointers(known))) {
      written.texts.push_back(prediction.decision.text);
      written.references.push_back({"a good film of the plot"});
    }
    written.references[0].push_back("long");
    const double expected = measure(metric.empty() ? "exact-match" : metric, written);
    CHECK(result.report.best_dev == doctest::Approx(expected));
    if (metric == "chrf")
      CHECK(expected > 0);
  }
}

TEST_CASE("a metric for other predictions is refused") {
  const Model model = tiny_model("llama-tied");
  CHECK_THROWS_WITH_AS(require_metric(writing_pipeline(model, "accuracy")), doctest::Contains("predicts texts"),
                       UsageError);
  TaskPipeline labels = two_label_pipeline(model, "labels", "{text}{\"mask\"}", "manual");
  CHECK(labels.metric == "accuracy");
  labels.metric = "bleu";
  CHECK_THROWS_WITH_AS(require_metric(labels), doctest::Contains("predicts labels"), UsageError);
}
