// Tasks whose answers are texts: several references, the metric on development rows, what can't be measured.
#include <algorithm>

#include <ATen/ATen.h>

#include <cuecard/error.hpp>

#include "engine/dev_metric.hpp"
#include "metrics/text_metrics.hpp"
#include "tasks.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

Method writing_method(const Model& model, const std::string& metric = "") {
  MethodChoice choice;
  choice.name = "writes";
  choice.prompt_template.set = {{"text", "Review: {text} It was{\"mask\"}"}};
  choice.verbalizer = {"text", {{"max-new-tokens", "5"}}};
  choice.tuner = {"prompt-tuning", {{"length", "3"}}};
  choice.metric = metric;
  return make_method(model, plugins(), choice);
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

TEST_CASE("rows of one text are one input with all their answers as references") {
  const Model model = tiny_model("llama-tied");
  const Method method = writing_method(model);
  std::vector<Example> rows{row_of("a", {"x"}),
                            row_of("b", {"y"}),
                            row_of("a", {"z"}),
                            row_of("a", {"x"}),
                            row_of("b", {}, {"v", "y", "w"}),
                            row_of("a", {"other"})};
  rows.back().meta["kind"] = "2"; // the template may read it
  const std::vector<Example> inputs = measured_inputs(method, rows);
  REQUIRE(inputs.size() == 3);
  CHECK(inputs[0].references == std::vector<std::string>{"x", "z"});
  CHECK(inputs[1].references == std::vector<std::string>{"y", "v", "w"});
  CHECK(inputs[2].references == std::vector<std::string>{"other"});
  CHECK(references_of(row_of("a", {"two", "slots"})) == std::vector<std::string>{"two slots"});
  CHECK_THROWS_WITH_AS(require_answer(method, row_of("a", {})), doctest::Contains("data.references"),
                       DataError);
  const Method labels = two_label_method(model, "labels", "{text}{\"mask\"}", "manual");
  CHECK(measured_inputs(labels, rows).size() == 6);
}

TEST_CASE("development rows of texts are measured while training, by the task's metric") {
  const Model model = tiny_model("llama-tied");
  std::vector<Example> rows = word_examples(4, 51);
  for (Example& row : rows)
    row.answers = {"the long film"};
  std::vector<Example> dev = word_examples(5, 52);
  for (Example& row : dev)
    row.answers = {"a good film of the plot"};
  dev.push_back(dev[0]); // one input more with two references
  dev.back().answers = {"long"};
  dev.push_back(word_examples(9, 53)[8]); // without an answer
  FitSettings settings;
  settings.steps = 2;
  settings.batch_size = 4;
  settings.learning_rate = 0.1;
  settings.evaluate_every = 1;
  for (const std::string metric : {"", "bleu", "chrf", "rouge-l"}) {
    CAPTURE(metric);
    Method method = writing_method(model, metric);
    CHECK(method.metric == (metric.empty() ? "exact-match" : metric));
    require_metric(method);
    UnusableRows unusable;
    const TrainResult result = train(model, {{method, rows, dev}}, settings, 1, {},
                                     [&](std::size_t, const UnusableRows& found) { unusable = found; });
    CHECK(result.dev_rows.at(0) == 5);
    REQUIRE(unusable.dev.size() == 1);
    CHECK(unusable.dev[0].reason.find("no text to compare with") != std::string::npos);

    const std::vector<Example> known(dev.begin(), dev.begin() + 5);
    WrittenTexts written;
    for (const Prediction& prediction : Predictor(model, {&method}).predict(pointers(known))) {
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

TEST_CASE("a metric that measures something else is refused") {
  const Model model = tiny_model("llama-tied");
  CHECK_THROWS_WITH_AS(require_metric(writing_method(model, "accuracy")), doctest::Contains("predicts texts"),
                       UsageError);
  Method labels = two_label_method(model, "labels", "{text}{\"mask\"}", "manual");
  CHECK(labels.metric == "accuracy");
  labels.metric = "bleu";
  CHECK_THROWS_WITH_AS(require_metric(labels), doctest::Contains("predicts labels"), UsageError);
}
