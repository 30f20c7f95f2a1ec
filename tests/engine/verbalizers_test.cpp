// Verbalizers that search, train or combine label words, through the engine: a planted label is found, a
// reloaded card predicts the same, and in a batch with another card each example gets the same scores as alone.
#include <cmath>
#include <filesystem>
#include <fstream>

#include <ATen/ATen.h>

#include <unistd.h>

#include <cuecard/error.hpp>

#include "tasks.hpp"

// After LibTorch, whose logging defines CHECK, too.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

using Set = std::vector<std::pair<std::string, std::string>>;

TaskPipeline pipeline_of(const Model& model, const std::string& verbalizer, const Set& set,
                         const std::string& tuner) {
  PipelineChoice choice;
  choice.name = verbalizer;
  const bool rules = verbalizer == "rules";
  choice.prompt_template.set = {
      {"text", rules ? R"({text} a {"mask"} is {"mask"})" : R"({text} it was {"mask"})"}};
  choice.verbalizer = {verbalizer, set};
  choice.tuner = {tuner, {}};
  if (tuner == "prompt-tuning")
    choice.tuner.set = {{"length", "3"}};
  choice.labels = {"negative", "positive"};
  choice.label_words = {{"bad", rules ? "film" : "terrible"}, {"good", rules ? "plot" : "great"}};
  choice.seed = 1 + test_seed();
  return make_pipeline(model, plugins(), choice);
}

FitRequest some_steps() {
  FitRequest request = steps_of(80, 16, 0.02);
  request.evaluate_every = 40;
  return request;
}

double accuracy(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& rows) {
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(pointers(rows));
  double right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    right += predictions[i].label() == rows[i].label;
  return right / static_cast<double>(rows.size());
}

std::vector<double> probabilities(const std::vector<Prediction>& predictions) {
  std::vector<double> all;
  for (const Prediction& prediction : predictions) {
    REQUIRE(prediction.problem == "");
    all.insert(all.end(), prediction.decision.probabilities.begin(), prediction.decision.probabilities.end());
  }
  return all;
}

void check_near(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(std::abs(found[i] - expected[i]) < 1e-5);
}

/// The reloaded card gives the same bits, and in a batch with another card's examples the same numbers.
void check_card(const Model& model, const TaskPipeline& pipeline, const std::vector<Example>& rows) {
  const std::vector<double> alone = probabilities(Predictor(model, {&pipeline}).predict(pointers(rows)));
  const TaskPipeline again = pipeline_from_card(model, plugins(), to_card(pipeline, model));
  CHECK(probabilities(Predictor(model, {&again}).predict(pointers(rows))) == alone);

  const TaskPipeline other = two_label_pipeline(model, "other", R"({text} all in all {"mask"})", "manual");
  const std::vector<double> of_other = probabilities(Predictor(model, {&other}).predict(pointers(rows)));
  std::vector<Example> mixed;
  for (const Example& row : rows)
    for (const TaskPipeline* card : {&again, &other}) {
      mixed.push_back(row);
      mixed.back().card = card->name;
    }
  Predictor predictor(model, {&again, &other});
  const std::vector<double> together = probabilities(predictor.predict(pointers(mixed)));
  CHECK(predictor.counters().forwards < std::ssize(mixed) / 4);
  std::vector<double> mine, others;
  for (std::size_t i = 0; i < together.size(); ++i)
    (i / 2 % 2 == 0 ? mine : others).push_back(together[i]);
  check_near(mine, alone);
  check_near(others, of_other);
}

} // namespace

TEST_CASE("automatic: words are found before the tuner is trained, and are in the card") {
  for (const char* name : {"bert-mlm", "llama-tied"}) {
    CAPTURE(name);
    const Model model = tiny_model(name);
    const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
    TaskPipeline pipeline =
        pipeline_of(model, "automatic", {{"words-per-label", "3"}, {"calibrate", "train"}}, "prompt-tuning");
    const TrainResult result = train(model, {{pipeline, rows, dev}}, some_steps(), 7);
    CHECK(pipeline.parameters() == 3 * model.shape().embedding_width);
    CHECK(loss_fall(result.report) > 0);
    CHECK(accuracy(model, pipeline, dev) > 0.8);
    const ComponentState state = pipeline.verbalizer->state();
    CHECK(std::ranges::count(state.texts.at("words of negative"), '\n') == 2);
    CHECK(state.texts.at("words of negative") != state.texts.at("words of positive"));
    check_card(model, pipeline, dev);
  }
}

TEST_CASE("soft: untrained it scores as the words do, and it is trained alone and with a soft prompt") {
  for (const char* name : {"bert-mlm", "llama-tied"})
    for (const char* tuner : {"manual", "prompt-tuning"}) {
      CAPTURE(name);
      CAPTURE(tuner);
      const Model model = tiny_model(name);
      const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
      TaskPipeline pipeline = pipeline_of(model, "soft", {}, tuner);
      if (std::string(name) == "llama-tied") { // whose head has no bias
        PipelineChoice choice;
        choice.prompt_template.set = {{"text", R"({text} it was {"mask"})"}};
        choice.verbalizer.set = {{"multi-token-handler", "mean"}, {"post-log-softmax", "false"}};
        choice.labels = pipeline.labels;
        choice.label_words = {{"bad"}, {"good"}};
        const TaskPipeline plain = make_pipeline(model, plugins(), choice);
        const TaskPipeline untrained = pipeline_of(model, "soft", {}, "manual");
        check_near(probabilities(Predictor(model, {&untrained}).predict(pointers(dev))),
                   probabilities(Predictor(model, {&plain}).predict(pointers(dev))));
      }
      const TrainResult result = train(model, {{pipeline, rows, dev}}, some_steps(), 7);
      const std::vector<float>& losses = result.report.losses;
      const auto quarter = std::ssize(losses) / 4;
      const double end =
          std::accumulate(losses.end() - quarter, losses.end(), 0.0) / static_cast<double>(quarter);
      CHECK(end < 0.8 * losses.front()); // most of the fall is in the first quarter
      CHECK(accuracy(model, pipeline, dev) > 0.9);
      check_card(model, pipeline, dev);
    }
}

TEST_CASE("knowledgeable: words of a file that the card no longer needs") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("cuecard-words-" + std::to_string(getpid()) + ".json");
  std::ofstream(file)
      << R"({"negative": ["bad", "terrible", "of", "long"], "positive": ["good", "great", "and", "the"]})";
  TaskPipeline pipeline = pipeline_of(
      model, "knowledgeable", {{"words", file.string()}, {"frequency", "0.1"}, {"relevance", "0.5"}}, "manual");
  const TrainResult result = train(model, {{pipeline, rows, dev}}, some_steps(), 7);
  std::filesystem::remove(file);
  const ComponentState state = pipeline.verbalizer->state();
  CHECK(state.tensors.at("weights").numel() == pipeline.parameters());
  CHECK(state.tensors.at("weights").abs().sum().item<float>() > 0);
  CHECK(state.tensors.contains("calibration"));
  CHECK(loss_fall(result.report) > 0);
  check_card(model, pipeline, dev);
}

TEST_CASE("prototypical: the reported metric is that of the prototypes") {
  for (const char* name : {"bert-mlm", "llama-tied"})
    for (const char* tuner : {"manual", "prompt-tuning"}) {
      CAPTURE(name);
      CAPTURE(tuner);
      const Model model = tiny_model(name);
      const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
      TaskPipeline pipeline = pipeline_of(model, "prototypical", {{"epochs", "60"}}, tuner);
      const TrainResult result = train(model, {{pipeline, rows, dev}}, some_steps(), 7);
      CHECK(result.dev.at(0) == accuracy(model, pipeline, dev));
      CHECK(result.dev.at(0) > 0.9);
      CHECK((pipeline.verbalizer->output_request().kind == OutputRequest::Kind::hidden_states));
      check_card(model, pipeline, dev);
    }
}

TEST_CASE("rules: two answer slots of an example, each calibrated") {
  const Model model = tiny_model("bert-mlm");
  const std::vector<Example> rows = verdicts(64, 3), dev = verdicts(24, 4);
  TaskPipeline pipeline = pipeline_of(model, "rules", {{"calibrate", "blank"}}, "prompt-tuning");
  const TrainResult result = train(model, {{pipeline, rows, dev}}, some_steps(), 7);
  CHECK(loss_fall(result.report) > 0);
  CHECK(pipeline.verbalizer->state().tensors.at("calibration").size(0) == 2);
  check_card(model, pipeline, dev);
  PipelineChoice one_slot;
  one_slot.prompt_template.set = {{"text", R"({text} it was {"mask"})"}};
  one_slot.verbalizer.component = "rules";
  one_slot.labels = pipeline.labels;
  one_slot.label_words = {{"bad", "film"}, {"good", "plot"}};
  CHECK_THROWS_WITH_AS(make_pipeline(model, plugins(), one_slot),
                       doctest::Contains("has 1 answer slot, but the verbalizer \"rules\" needs 2"),
                       UsageError);
}
