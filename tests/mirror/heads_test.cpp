// Layers that verbalizers learn, on a device that is not the CPU: the same losses, tensors and predictions, and
// no step that waits for the device, its dropout included.
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

struct HeadRun {
  std::vector<float> losses;
  Learned learned;
  std::vector<std::vector<int64_t>> labels;
};

std::vector<Example> rows_of(const std::string& verbalizer) {
  std::vector<Example> rows = training_rows();
  if (verbalizer == "words")
    for (Example& row : rows) {
      for (const char* word : {"a", "moving", "plot"})
        row.words["words"].push_back(word);
      row.word_labels = {0, row.label, 1};
      row.fields.clear();
    }
  if (verbalizer == "choices")
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].words["ends"] = {"a moving plot", "the worst of all", "long"};
      rows[i].words["ends"].resize(2 + i % 2);
    }
  return rows;
}

HeadRun head_run(const Model& model, const std::string& verbalizer, const std::string& tuner) {
  std::optional<mirror::Watch> watch;
  const SetWatch set_watch = [&](bool on) {
    const bool away = model.backbone().device() == mirror::device;
    on&& away ? (void)watch.emplace() : watch.reset();
  };
  MethodChoice choice;
  choice.prompt_template.set = {{"text", verbalizer == "words"     ? "It was: {words}"
                                         : verbalizer == "choices" ? "{text} It was: {\"choice\": \"ends\"}"
                                                                   : "Review: {text}"}};
  choice.verbalizer = {verbalizer, {{"dropout", "0.2"}}};
  choice.tuner = {tuner, {}};
  choice.labels = {"good", "bad"};
  if (verbalizer == "choices")
    choice.labels.push_back("neither");
  const std::vector<Example> rows = rows_of(verbalizer);
  Method method = make_method(model, plugins(), choice, &rows);
  method.tuner = std::make_shared<WatchedTuner>(method.tuner, set_watch, false);
  FitSettings settings;
  settings.steps = settings.evaluate_every = steps;
  settings.batch_size = 5;
  settings.batch_tokens = 60; // several batches a step
  settings.learning_rate = 0.02;
  HeadRun run;
  run.losses = train(model, {{method, rows, rows}}, settings, 7).report.losses;
  run.learned = method.verbalizer->export_learned();
  std::vector<const Example*> asked;
  for (const Example& row : rows)
    asked.push_back(&row);
  for (const Prediction& prediction : Predictor(model, {&method}).predict(asked))
    run.labels.push_back(prediction.decision.labels);
  return run;
}

} // namespace

TEST_CASE("heads learn the same without waiting, alone and beside learned rows") {
  for (const char* name : {"bert-mlm", "bert-plain", "llama-tied"})
    for (const char* verbalizer : {"head", "words", "choices"})
      for (const char* tuner : {"manual", "prompt-tuning"}) {
        CAPTURE(name);
        CAPTURE(verbalizer);
        CAPTURE(tuner);
        const HeadRun here = head_run(model_on(name, at::kCPU, at::kDouble), verbalizer, tuner);
        const HeadRun there = head_run(model_on(name, mirror::device, at::kDouble), verbalizer, tuner);
        REQUIRE(here.losses.size() == static_cast<std::size_t>(steps));
        REQUIRE(there.losses.size() == here.losses.size());
        for (std::size_t i = 0; i < here.losses.size(); ++i)
          CHECK(std::abs(here.losses[i] - there.losses[i]) < 1e-5);
        CHECK(std::abs(here.losses.front() - here.losses.back()) > 0.001);
        for (const auto& [tensor, values] : here.learned.tensors)
          CHECK(at::allclose(values, there.learned.tensors.at(tensor).to(at::kCPU), 1e-4, 1e-5));
        CHECK(here.labels == there.labels);
      }
}
