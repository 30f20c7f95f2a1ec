// The verbalizers `label-text` and `text`, against log-probabilities of whole texts forwarded one by one.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include <cuecard/error.hpp>

#include "engine/generate/generator.hpp"
#include "engine/tokenized_example.hpp"
#include "review_prompt.hpp"
#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

const std::vector<std::string> label_texts{"not good at all", "a long and good film", "x7"};

TaskPipeline pipeline_with(const Model& model, const std::string& verbalizer, const Set& options,
                           const std::string& tuner = "manual", const Set& tuner_options = {}) {
  PipelineChoice choice;
  choice.name = "m";
  choice.prompt_template.set = {{"text", "Review: {text} It was{\"mask\"}"}};
  choice.verbalizer = {verbalizer, options};
  choice.tuner = {tuner, tuner_options};
  choice.seed = test_seed();
  if (verbalizer == "label-text") {
    choice.labels = {"bad", "good", "x"};
    for (const std::string& text : label_texts)
      choice.label_words.push_back({text});
  }
  return make_pipeline(model, plugins(), choice);
}

struct Likelihood {
  double sum = 0;
  int64_t tokens = 0;
};

/// log p(answer | prompt) of a whole prompt forwarded by itself, at all tokens. `soft`: a soft prompt before
/// it.
Likelihood likelihood(const Model& model, const std::string& text, const std::string& answer,
                      const at::Tensor& soft = {}) {
  const std::vector<int64_t> written = ids_of(model, answer);
  std::vector<int64_t> ids = review_ids(model, text);
  ids.insert(ids.end(), written.begin(), written.end());
  const at::Tensor log_probs = log_probs_of(model, ids, soft);
  const auto count = std::ssize(written);
  Likelihood result;
  result.tokens = count;
  for (int64_t i = 0; i < count; ++i)
    result.sum +=
        log_probs[log_probs.size(0) - count - 1 + i][written[static_cast<std::size_t>(i)]].item<double>();
  return result;
}

} // namespace

TEST_CASE(
    "label-text: probabilities are those of the whole texts, with and without normalising and calibration") {
  for (const char* name : {"llama-tied", "llama-untied"})
    for (const bool normalise : {false, true})
      for (const bool calibrate : {false, true}) {
        CAPTURE(name);
        CAPTURE(normalise);
        CAPTURE(calibrate);
        const Model model = tiny_model(name);
        TaskPipeline pipeline = pipeline_with(
            model, "label-text",
            {{"normalise", normalise ? "true" : "false"}, {"calibrate", calibrate ? "blank" : "none"}});
        const std::vector<Example> examples = word_examples(7, 41);
        fit_verbalizer(model, pipeline, {}, {});
        Predictor predictor(model, {&pipeline});
        const std::vector<Prediction> predictions = predictor.predict(pointers(examples));
        const auto score = [&](const std::string& text, const std::string& label) {
          const Likelihood found = likelihood(model, text, " " + label);
          return normalise ? found.sum / static_cast<double>(found.tokens) : found.sum;
        };
        for (std::size_t i = 0; i < examples.size(); ++i) {
          std::vector<double> expected;
          for (const std::string& label : label_texts)
            expected.push_back(score(examples[i].fields.at("text"), label) -
                               (calibrate ? score("", label) : 0));
          double sum = 0;
          for (const double each : expected)
            sum += std::exp(each - expected[0]);
          REQUIRE(predictions[i].problem == "");
          REQUIRE(predictions[i].decision.probabilities.size() == 3);
          for (std::size_t label = 0; label < 3; ++label)
            CHECK(std::abs(std::log(predictions[i].decision.probabilities[label]) -
                           (expected[label] - expected[0] - std::log(sum))) < 2e-3);
        }
        if (calibrate) { // a card stores it
          const ComponentState state = pipeline.verbalizer->state();
          TaskPipeline again = pipeline_with(
              model, "label-text", {{"normalise", normalise ? "true" : "false"}, {"calibrate", "blank"}});
          again.verbalizer->load_state(state);
          CHECK(Predictor(model, {&again}).predict({&examples[0]})[0].decision.probabilities ==
                Predictor(model, {&pipeline}).predict({&examples[0]})[0].decision.probabilities);
        }
      }
}

TEST_CASE("label-text: an example's text is forwarded once for all labels") {
  const Model model = tiny_model("llama-tied");
  const TaskPipeline pipeline = pipeline_with(model, "label-text", {});
  const std::vector<Example> examples = word_examples(5, 42);
  Predictor predictor(model, {&pipeline});
  predictor.predict(pointers(examples));
  int64_t most = 0;
  for (const Example& example : examples) {
    most += std::ssize(ids_of(model, "Review:")) + std::ssize(ids_of(model, " " + example.fields.at("text"))) +
            std::ssize(ids_of(model, " It was"));
    for (const std::string& label : label_texts) // the text's last token predicts, so each label repeats it
      most += std::ssize(ids_of(model, " " + label)) + 1;
  }
  CHECK(predictor.counters().forwards == 1);
  CHECK(predictor.counters().tokens_forwarded <= most);
}

TEST_CASE("label-text: both losses are those of the whole texts, and fall in training") {
  const Model model = tiny_model("llama-tied");
  for (const std::string loss : {"labels", "likelihood"}) {
    CAPTURE(loss);
    std::vector<Example> rows = word_examples(6, 43);
    TaskPipeline pipeline =
        pipeline_with(model, "label-text", {{"loss", loss}}, "prompt-tuning", {{"length", "3"}});
    const at::Tensor soft = pipeline.tuner->state(0).tensors.at("prompt").clone();
    double expected = 0;
    for (const Example& row : rows) {
      std::vector<double> sums;
      for (const std::string& label : label_texts)
        sums.push_back(likelihood(model, row.fields.at("text"), " " + label, soft).sum);
      const double right = sums[static_cast<std::size_t>(row.label)];
      double all = 0;
      for (const double each : sums)
        all += std::exp(each - right);
      expected += (loss == "labels" ? std::log(all) : -right) / static_cast<double>(rows.size());
    }
    const FitReport report = train(model, {{pipeline, rows, {}}}, steps_of(12, 6, 0.05), 1).report;
    CHECK(std::abs(report.losses.at(0) - expected) < 2e-3 * std::max(1.0, std::abs(expected)));
    CHECK(report.losses.back() < report.losses.front());
  }
}

TEST_CASE("text: the loss is per token of the answers, and a trained answer is generated") {
  const Model model = tiny_model("llama-tied");
  std::vector<Example> rows = word_examples(4, 44);
  for (Example& row : rows)
    row.answers = {"the long film"};
  rows[1].answers = {"good"};
  TaskPipeline pipeline =
      pipeline_with(model, "text", {{"max-new-tokens", "4"}}, "prompt-tuning", {{"length", "3"}});
  const at::Tensor soft = pipeline.tuner->state(0).tensors.at("prompt").clone();
  Likelihood expected;
  for (const Example& row : rows) {
    const Likelihood each = likelihood(model, row.fields.at("text"), " " + row.answers[0], soft);
    expected.sum += each.sum;
    expected.tokens += each.tokens;
  }
  FitRequest request;
  request.steps = 1;
  request.batch_size = 4;
  const double first = train(model, {{pipeline, rows, {}}}, request, 1).report.losses.at(0);
  CHECK(std::abs(first + expected.sum / static_cast<double>(expected.tokens)) < 2e-3);
  request.batch_tokens = 40; // the same loss, accumulated over batches of unequal numbers of tokens
  TaskPipeline again = pipeline_with(model, "text", {}, "prompt-tuning", {{"length", "3"}});
  CHECK(std::abs(train(model, {{again, rows, {}}}, request, 1).report.losses.at(0) - first) < 1e-4);

  rows[1].answers = {"the long film"};
  const std::string answer = " the long film";
  const std::string length = std::to_string(ids_of(model, answer).size());
  TaskPipeline planted =
      pipeline_with(model, "text", {{"max-new-tokens", length}}, "prompt-tuning", {{"length", "8"}});
  const FitReport report = train(model, {{planted, rows, {}}}, steps_of(150, 4, 0.1), 1).report;
  CAPTURE(report.losses.back());
  Predictor predictor(model, {&planted});
  const std::vector<Prediction> predictions = predictor.predict(pointers(rows));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(predictions[i].problem == "");
    CHECK(predictions[i].decision.text == "the long film");
    CHECK(predictions[i].label() == -1);
    const at::Tensor trained = planted.tuner->state(0).tensors.at("prompt");
    CHECK(std::abs(predictions[i].decision.value -
                   likelihood(model, rows[i].fields.at("text"), answer, trained).sum) < 1e-2);
  }
}

TEST_CASE("text: the scorer and the predictor agree, also in one call with a card that scores") {
  const Model model = tiny_model("llama-tied");
  TaskPipeline writes =
      pipeline_with(model, "text", {{"max-new-tokens", "5"}}, "prompt-tuning", {{"length", "3"}});
  TaskPipeline scores = pipeline_with(model, "label-text", {});
  writes.name = "writes";
  scores.name = "scores";
  std::vector<Example> rows = word_examples(6, 45);
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].card = i % 2 ? "writes" : "scores";
  Predictor both(model, {&scores, &writes});
  int64_t finished = 0;
  const std::vector<Prediction> predictions =
      both.predict(pointers(rows), [&](int64_t done) { finished = done; });
  CHECK(finished == 6);
  Predictor alone(model, {&writes});
  GenerateSettings settings;
  settings.max_length = 5;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(predictions[i].card == static_cast<int64_t>(i % 2));
    CHECK((predictions[i].label() >= 0) == (i % 2 == 0));
    if (i % 2 == 0)
      continue;
    std::vector<Prompt> prompts = writes.prompt_template->render({rows[i]});
    writes.tuner->edit(prompts, {rows[i]});
    const Generated text = alone.scorer().generate(prompts, settings).at(0).at(0);
    CHECK(predictions[i].decision.value == doctest::Approx(text.log_prob).epsilon(1e-4));
    CHECK(text.text.find(predictions[i].decision.text) != std::string::npos);
  }
}

TEST_CASE("tasks that these verbalizers don't support are refused") {
  const Model masked = tiny_model("bert-mlm"), model = tiny_model("llama-tied");
  CHECK_THROWS_WITH_AS(pipeline_with(masked, "text", {}),
                       doctest::Contains("needs a model that generates text"), UsageError);
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text}{\"mask\"}"}};
  choice.verbalizer.component = "label-text";
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice), doctest::Contains("the task has none"),
                       DataError);
  choice.labels = {"a", "b"};
  choice.label_words = {{"same"}, {"same"}};
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), choice), doctest::Contains("is given for two labels"),
                       UsageError);
  const TaskPipeline pipeline = pipeline_with(model, "text", {});
  CHECK_THROWS_WITH_AS(tokenized(pipeline, model, word_examples(1, 1)[0], true),
                       doctest::Contains("data.answers"), DataError);
  Example empty = word_examples(1, 1)[0];
  empty.answers = {""};
  CHECK_THROWS_WITH_AS(tokenized(pipeline_with(model, "text", {{"prefix", ""}}), model, empty, true),
                       doctest::Contains("its answer 1 is an empty text"), DataError);
}
