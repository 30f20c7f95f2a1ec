// Tuners that search or choose, on a device that is not the CPU: the same results, nothing that mixes devices,
// and AutoPrompt waits for the device once per iteration, when it decides what to keep.
#include <cmath>
#include <memory>
#include <optional>

#include <ATen/ATen.h>

#include "conformance/spied_tuner.hpp"
#include "training_run.hpp"
#include <cuecard/testing/mirror_device.hpp>

// After LibTorch, whose logging defines CHECK, too.
#include <doctest/doctest.h>

using namespace cuecard;
using namespace cuecard::test;

namespace {

constexpr int64_t accumulation = 2;

/// Watched from the first gradient of an iteration until the last scores of its candidates.
class WatchedSearch final : public PassingEngine {
public:
  WatchedSearch(Engine& engine, int64_t& watched) : PassingEngine(engine), watched_(watched) {}

  at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& with) override {
    if (!watch_)
      watch_.emplace();
    return PassingEngine::gradient(task, batch, with);
  }
  CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                         const Conditioning& with) override {
    CandidateScores scores = PassingEngine::scores(task, batch, slot, candidates, with);
    if (++scored_ % accumulation == 0) {
      watch_.reset();
      ++watched_;
    }
    return scores;
  }

private:
  std::optional<mirror::Watch> watch_;
  int64_t scored_ = 0;
  int64_t& watched_;
};

PipelineChoice two_labels(const std::string& text, ComponentChoice tuner) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", text}};
  choice.tuner = std::move(tuner);
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", "moving"}, {"tedious", "bad"}};
  choice.seed = 5 + test_seed();
  return choice;
}

struct Searched {
  std::vector<int64_t> triggers;
  std::vector<float> losses;
};

Searched searched(const Model& model, bool causal) {
  const std::vector<Example> rows = training_set();
  const std::string slots = "{\"trigger\": None, \"duplicate\": 2}";
  TaskPipeline pipeline = make_pipeline(
      model, plugins(),
      two_labels(causal ? "{text} It" + slots + " was{\"mask\"}" : "{text} It " + slots + " was {\"mask\"} .",
                 {"autoprompt", {{"accumulation", std::to_string(accumulation)}, {"candidates", "6"}}}),
      &rows);
  int64_t watched = 0;
  if (!model.backbone().device().is_cpu())
    pipeline.tuner = std::make_shared<SpiedTuner>(pipeline.tuner, [&](Engine& engine, const Tuner&) {
      return std::make_unique<WatchedSearch>(engine, watched);
    });
  FitRequest request;
  request.steps = 8;
  request.batch_size = 5;
  const TrainResult result = train(model, {{pipeline, rows, {}}}, request, 5);
  CHECK(watched == (model.backbone().device().is_cpu() ? 0 : 8));
  return {pipeline.prompt_template->triggers(), result.report.losses};
}

} // namespace

TEST_CASE("AutoPrompt finds what it finds on the CPU, and waits once per iteration") {
  for (const char* name : {"llama-tied", "bert-mlm", "t5-gated"}) {
    CAPTURE(name);
    const bool causal = std::string(name).starts_with("llama");
    const Searched here = searched(model_on(name, at::kCPU), causal),
                   there = searched(model_on(name, mirror::device), causal);
    CHECK(here.triggers == there.triggers);
    REQUIRE(here.losses.size() == there.losses.size());
    for (std::size_t i = 0; i < here.losses.size(); ++i)
      CHECK(std::abs(here.losses[i] - there.losses[i]) < 1e-5);
  }
}

TEST_CASE("generated templates and the chosen one equal the CPU's") {
  const std::vector<Example> rows = training_set();
  for (const std::string name : {"llama-tied", "t5-gated"}) {
    CAPTURE(name);
    const auto found = [&](const Model& model) {
      const std::string gap =
          name == "llama-tied" ? "{text} {\"trigger\"}{\"mask\"}" : "{text} {\"trigger\"} {\"mask\"}";
      TaskPipeline pipeline = make_pipeline(
          model, plugins(),
          two_labels(gap, {"template-search", {{"max-words", "2"}, {"beams", "3"}, {"candidates", "5"}}}),
          &rows);
      const TrainResult result = train(model, {{pipeline, rows, rows}}, {}, 5);
      return std::pair(pipeline.prompt_template->source(), result.report.losses);
    };
    const auto [here, losses] = found(model_on(name, at::kCPU));
    const auto [there, others] = found(model_on(name, mirror::device));
    CHECK(here == there);
    REQUIRE(losses.size() == others.size());
    for (std::size_t i = 0; i < losses.size(); ++i)
      CHECK(std::abs(losses[i] - others[i]) < 1e-5);
  }
}

TEST_CASE("demonstrations chosen by similarity and the predictions equal the CPU's") {
  const std::vector<Example> rows = training_set();
  for (const char* name : {"llama-tied", "bert-mlm"}) {
    CAPTURE(name);
    const auto probabilities = [&](const Model& model) {
      TaskPipeline pipeline = make_pipeline(
          model, plugins(),
          two_labels("{text} It was {mask}", {"in-context", {{"k", "1"}, {"choose", "similar"}}}), &rows);
      train(model, {{pipeline, rows, rows}}, {}, 5);
      std::vector<const Example*> examples;
      for (const Example& row : rows)
        examples.push_back(&row);
      Predictor predictor(model, {&pipeline});
      std::vector<double> all;
      for (const Prediction& prediction : predictor.predict(examples)) {
        REQUIRE(prediction.problem.empty());
        all.insert(all.end(), prediction.decision.probabilities.begin(),
                   prediction.decision.probabilities.end());
      }
      return all;
    };
    const std::vector<double> here = probabilities(model_on(name, at::kCPU)),
                              there = probabilities(model_on(name, mirror::device));
    REQUIRE(here.size() == 2 * rows.size());
    for (std::size_t i = 0; i < here.size(); ++i)
      CHECK(std::abs(here[i] - there[i]) < 1e-5);
  }
}
