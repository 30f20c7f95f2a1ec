// Trained layers on hidden states, through the engine: planted labels are found, alone and together with soft
// prompts, and a reloaded card predicts the same.
#include <cmath>

#include <ATen/ATen.h>

#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

const std::vector<std::string> tags{"O", "B-THING", "B-VERDICT"};

/// Sentences in which the word itself determines its label.
std::vector<Example> tagged_sentences(int64_t count, uint64_t seed) {
  const std::vector<std::pair<std::string, int64_t>> words{{"the", 0}, {"film", 1}, {"bad", 2}};
  Random random(seed + test_seed());
  std::vector<Example> examples(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < examples.size(); ++i) {
    for (uint64_t n = 1 + random.below(9); n > 0; --n) {
      const auto& [word, label] = words[random.below(words.size())];
      examples[i].words["words"].push_back(word);
      examples[i].word_labels.push_back(label);
    }
    examples[i].line = static_cast<int64_t>(i) + 1;
  }
  return examples;
}

TaskPipeline pipeline_of(const Model& model, const std::string& verbalizer, const std::string& tuner,
                         const std::string& text) {
  PipelineChoice choice;
  choice.name = verbalizer;
  choice.prompt_template.set = {{"text", text}};
  choice.verbalizer = {verbalizer, {{"dropout", "0"}}};
  choice.tuner = {tuner, {}};
  if (tuner == "prompt-tuning" || tuner == "p-tuning-v2")
    choice.tuner.set = {{"length", "3"}};
  choice.labels = verbalizer == "words" ? tags : std::vector<std::string>{"negative", "positive"};
  choice.metric = verbalizer == "words" ? "entity-f1" : "accuracy";
  choice.seed = 1 + test_seed();
  return make_pipeline(model, plugins(), choice);
}

FitRequest some_steps(int64_t steps, double learning_rate) {
  FitRequest request = steps_of(steps, 16, learning_rate);
  request.evaluate_every = steps / 4;
  return request;
}

std::vector<std::vector<int64_t>> labels_of(const std::vector<Prediction>& predictions) {
  std::vector<std::vector<int64_t>> labels;
  for (const Prediction& prediction : predictions)
    labels.push_back(prediction.decision.labels);
  return labels;
}

} // namespace

TEST_CASE("labels that the word itself determines are all found") {
  for (const std::string tuner : {"manual", "prompt-tuning", "p-tuning-v2"}) {
    CAPTURE(tuner);
    const Model model = tiny_model("bert-mlm");
    const int64_t of_tuner =
        tuner == "manual" ? 0 : 3 * 40 * (tuner == "prompt-tuning" ? 1 : 2 * model.shape().layers);
    const std::vector<Example> train_rows = tagged_sentences(192, 1), dev = tagged_sentences(32, 2);
    TaskPipeline pipeline = pipeline_of(model, "words", tuner, "{words}");
    const at::Tensor before = pipeline.verbalizer->state().tensors.at("weight").clone();
    CHECK(pipeline.parameters() == 3 * 40 + 3 + of_tuner);
    const TrainResult result = train(model, {{pipeline, train_rows, dev}}, some_steps(400, 0.05), 7);
    CHECK(result.report.best_dev == 1);
    CHECK(result.report.losses.front() > std::log(3.0) * 0.8);
    CHECK(result.report.losses.back() < 0.1);
    CHECK(!at::allclose(pipeline.verbalizer->state().tensors.at("weight"), before));
    if (tuner == "prompt-tuning")
      CHECK(pipeline.tuner->state(0).tensors.contains("prompt"));

    const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(dev));
    for (std::size_t i = 0; i < dev.size(); ++i)
      CHECK(predictions[i].decision.labels == dev[i].word_labels);
    const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(pipeline, model));
    CHECK(labels_of(Predictor(model, {&again}).predict(pointers(dev))) == labels_of(predictions));
  }
}

TEST_CASE("words that truncation removes get no label, and count as wrong") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = tagged_sentences(64, 1);
  TaskPipeline pipeline = pipeline_of(model, "words", "manual", "{words}");
  pipeline.metric = "accuracy";
  train(model, {{pipeline, rows, {}}}, some_steps(160, 0.05), 7);
  pipeline.limit.max_length = 5; // [CLS], three tokens, [SEP]
  std::vector<Example> one{rows[0]};
  one[0].words["words"] = {"the", "film", "bad", "the", "film"};
  const std::vector<Prediction> cut = Predictor(model, {&pipeline}).predict(pointers(one));
  const std::vector<int64_t>& labels = cut[0].decision.labels;
  REQUIRE(labels.size() == 5);
  CHECK(labels[0] == 0);
  CHECK(labels[1] == 1);
  CHECK(labels[3] == -1);
  CHECK(labels[4] == -1);

  pipeline.limit.truncate = Truncate::windows; // each word is in one of them
  const std::vector<Prediction> windowed = Predictor(model, {&pipeline}).predict(pointers(one));
  CHECK(windowed[0].decision.labels == std::vector<int64_t>{0, 1, 2, 0, 1});
}

TEST_CASE("a text's label is found by the layer alone and with a soft prompt, in masked and causal models") {
  struct Case {
    const char *model, *tuner;
  };
  for (const Case& one :
       {Case{"bert-mlm", "manual"}, Case{"bert-plain", "manual"}, Case{"llama-tied", "manual"},
        Case{"bert-mlm", "prompt-tuning"}, Case{"llama-tied", "prompt-tuning"}, Case{"bert-mlm", "p-tuning-v2"},
        Case{"llama-tied", "p-tuning-v2"}}) {
    CAPTURE(one.model);
    CAPTURE(one.tuner);
    const Model model = tiny_model(one.model);
    const std::vector<Example> train_rows = verdicts(128, 3), dev = verdicts(64, 4);
    TaskPipeline pipeline = pipeline_of(model, "head", one.tuner, "{text}");
    CHECK((pipeline.verbalizer->output_request().kind == OutputRequest::Kind::pooled) ==
          (one.model == std::string("bert-plain")));
    const TrainResult result = train(model, {{pipeline, train_rows, dev}}, some_steps(200, 0.02), 7);
    CHECK(result.report.best_dev > 0.9);
    const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(dev));
    int64_t right = 0;
    for (std::size_t i = 0; i < dev.size(); ++i)
      right += predictions[i].label() == dev[i].label;
    CHECK(static_cast<double>(right) / 64 == result.report.best_dev);
    const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(pipeline, model));
    CHECK(labels_of(Predictor(model, {&again}).predict(pointers(dev))) == labels_of(predictions));
  }
}

TEST_CASE("two tasks share a prefix with separate heads, and one is trained further alone") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> one = verdicts(128, 3), one_dev = verdicts(64, 4);
  std::vector<Example> two = verdicts(128, 5), two_dev = verdicts(64, 6);
  for (std::vector<Example>* rows : {&two, &two_dev}) // reversed labels: no single head could do both
    for (Example& row : *rows)
      row.label = 1 - row.label;
  TaskPipeline first = pipeline_of(model, "head", "p-tuning-v2", "{text}");
  TaskPipeline second = pipeline_of(model, "head", "p-tuning-v2", "{text}");
  second.tuner = first.tuner;
  second.task = 1;
  const TrainResult together =
      train(model, {{first, one, one_dev}, {second, two, two_dev}}, some_steps(200, 0.02), 7);
  CHECK(together.report.best_dev > 0.9); // the mean of both
  const auto heads = [](const TaskPipeline& pipeline) {
    return pipeline.verbalizer->state().tensors.at("weight");
  };
  CHECK(!at::allclose(heads(first), heads(second)));
  const auto key = [](const TaskPipeline& pipeline, int64_t task) {
    return pipeline.tuner->state(task).tensors.at("self.key");
  };
  CHECK(at::equal(key(first, 0), key(second, 1)));

  TaskPipeline alone = pipeline_from_card(model, plugins(), to_card(second, model));
  CHECK(at::equal(key(alone, 0), key(second, 1)));
  const TrainResult after = train(model, {{alone, two, two_dev}}, some_steps(40, 0.02), 8);
  CHECK(after.report.losses.front() < 0.5 * together.report.losses.front()); // it started from the card
  CHECK(after.report.best_dev > 0.9);
  CHECK(!at::equal(key(alone, 0), key(second, 1)));
}

TEST_CASE("dropout applies in training only: one card always predicts the same") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = word_examples(32, 3);
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "{text}"}};
  choice.verbalizer = {"head", {{"dropout", "0.5"}}};
  choice.labels = {"negative", "positive"};
  std::vector<float> losses[2];
  for (std::vector<float>& each : losses) {
    TaskPipeline pipeline = make_pipeline(model, plugins(), choice);
    each = train(model, {{pipeline, rows, {}}}, some_steps(8, 0.01), 7).report.losses;
    const auto predicted = [&]() { return Predictor(model, {&pipeline}).predict(pointers(rows)); };
    CHECK(predicted()[0].decision.probabilities == predicted()[0].decision.probabilities);
  }
  CHECK(losses[0] == losses[1]); // seeded
  choice.verbalizer.set = {{"dropout", "0"}};
  TaskPipeline plain = make_pipeline(model, plugins(), choice);
  CHECK(train(model, {{plain, rows, {}}}, some_steps(8, 0.01), 7).report.losses != losses[0]);
}
