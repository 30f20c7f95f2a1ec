// Verbalizers that find, learn or join their words, on a device that is not the CPU: the same losses, tensors
// and predictions, and no step that waits for the device.
#include <cmath>
#include <optional>

#include <ATen/ATen.h>

#include "mirror_device.hpp"
#include "training_run.hpp"

// Behind LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

struct VerbalizerRun {
  std::vector<float> losses;
  Learned learned;
  std::vector<double> probabilities;
};

VerbalizerRun verbalizer_run(const Model& model, const std::string& verbalizer,
                             const std::vector<std::pair<std::string, std::string>>& set) {
  std::optional<mirror::Watch> watch;
  const SetWatch set_watch = [&](bool on) {
    const bool away = model.backbone().device() == mirror::device;
    on&& away ? (void)watch.emplace() : watch.reset();
  };
  MethodChoice choice;
  const bool rules = verbalizer == "rules";
  choice.prompt_template.set = {
      {"text", rules ? R"({text} a {"mask"} is {"mask"})" : R"({text} it was {"mask"})"}};
  choice.verbalizer = {verbalizer, set};
  choice.tuner = {"prompt-tuning", {{"length", "3"}}};
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", rules ? "drama" : "moving"}, {"tedious", rules ? "actor" : "bad"}};
  const std::vector<Example> rows = training_rows();
  Method method = make_method(model, plugins(), choice, &rows);
  method.tuner = std::make_shared<WatchedTuner>(method.tuner, set_watch, false);
  FitSettings settings;
  settings.steps = settings.evaluate_every = steps;
  settings.batch_size = 5;
  settings.batch_tokens = 60; // several batches a step
  settings.learning_rate = 0.02;
  VerbalizerRun run;
  run.losses = train(model, {{method, rows, rows}}, settings, 7).report.losses;
  run.learned = method.verbalizer->export_learned();
  std::vector<const Example*> asked;
  for (const Example& row : rows)
    asked.push_back(&row);
  for (const Prediction& prediction : Predictor(model, {&method}).predict(asked))
    run.probabilities.insert(run.probabilities.end(), prediction.decision.probabilities.begin(),
                             prediction.decision.probabilities.end());
  return run;
}

} // namespace

TEST_CASE("verbalizers learn and decide the same without waiting") {
  const std::vector<std::pair<std::string, std::vector<std::pair<std::string, std::string>>>> all{
      {"automatic", {{"words-per-label", "3"}, {"calibrate", "train"}}},
      {"soft", {}},
      {"knowledgeable", {{"frequency", "0.1"}, {"relevance", "0.5"}}},
      {"rules", {{"calibrate", "blank"}}},
      {"prototypical", {{"calibrate", "blank"}}},
  };
  for (const auto& [verbalizer, set] : all) {
    CAPTURE(verbalizer);
    const VerbalizerRun here = verbalizer_run(model_on("bert-mlm", at::kCPU, at::kDouble), verbalizer, set);
    const VerbalizerRun there =
        verbalizer_run(model_on("bert-mlm", mirror::device, at::kDouble), verbalizer, set);
    REQUIRE(here.losses.size() == static_cast<std::size_t>(steps));
    REQUIRE(there.losses.size() == here.losses.size());
    for (std::size_t i = 0; i < here.losses.size(); ++i)
      CHECK(std::abs(here.losses[i] - there.losses[i]) < 1e-5);
    CHECK(here.learned.texts == there.learned.texts);
    for (const auto& [tensor, values] : here.learned.tensors)
      CHECK(at::allclose(values, there.learned.tensors.at(tensor).to(at::kCPU), 1e-3, 1e-4));
    REQUIRE(here.probabilities.size() == there.probabilities.size());
    for (std::size_t i = 0; i < here.probabilities.size(); ++i)
      CHECK(std::abs(here.probabilities[i] - there.probabilities[i]) < 1e-4);
  }
}
