/// One short training run on any device, and the results to compare.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <cuecard/tuner.hpp>

#include "../engine/tasks.hpp"
#include "conformance/spied_tuner.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/train/train.hpp"
#include "recorded.hpp"

namespace cuecard::test {

constexpr int64_t steps = 4;

inline Model model_on(const std::string& name, const at::Device& device, at::ScalarType dtype = at::kFloat) {
  return Model::load(golden / "models" / name, plugins(), {device, dtype});
}

/// Called with true when waiting for the device is forbidden from now on, with false when it is allowed again.
using SetWatch = std::function<void(bool)>;

/// The engine of a run, watched from the first batch of the first step until the batches of the last: in
/// between, the gradient loop must not even read a loss.
class WatchedEngine final : public PassingEngine {
public:
  WatchedEngine(Engine& engine, const SetWatch& watch) : PassingEngine(engine), watch_(watch) {}
  ~WatchedEngine() override { watch_(false); }
  WatchedEngine(const WatchedEngine&) = delete;
  WatchedEngine& operator=(const WatchedEngine&) = delete;

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    if (step == 0)
      watch_(true);
    if (step == steps - 1)
      watch_(false);
    return PassingEngine::training_batches(task, step);
  }

private:
  const SetWatch& watch_;
};

/// A tuner whose `fit` is watched; with `reads` it waits for the device in every step.
class WatchedTuner final : public Tuner {
public:
  WatchedTuner(std::shared_ptr<Tuner> tuner, SetWatch watch, bool reads)
      : tuner_(std::move(tuner)), watch_(std::move(watch)), reads_(reads) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override { tuner_->edit(prompts, args); }
  InputFeatures input_features() const override { return tuner_->input_features(); }
  Conditioning condition(const ConditionArgs& args) const override {
    Conditioning conditioning = tuner_->condition(args);
    if (reads_)
      (void)conditioning.embeddings.sum().item<float>();
    return conditioning;
  }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitRequest defaults(const FitRequest& request) const override { return tuner_->defaults(request); }
  FitReport fit(Engine& engine) override {
    WatchedEngine watched(engine, watch_);
    return Tuner::fit(watched); // the SDK's gradient loop, with this object's `condition`
  }
  ComponentState state(int64_t task) const override { return tuner_->state(task); }
  void load_state(const ComponentState& state) override { tuner_->load_state(state); }

private:
  std::shared_ptr<Tuner> tuner_;
  SetWatch watch_;
  bool reads_;
};

inline std::vector<Example> training_set() {
  const std::vector<std::pair<const char*, int64_t>> texts{
      {"a moving drama", 0},
      {"the music remains tedious", 1},
      {"great cast, and funny", 0},
      {"unexpectedly bad", 1},
      {"a bright thriller", 0},
      {"the actor is not strong because of the director", 1},
      {"love it", 0},
      {"leave it, simply terrible", 1}};
  std::vector<Example> rows;
  for (const auto& [text, label] : texts) {
    Example& row = rows.emplace_back();
    row.fields["text"] = text;
    row.label = label;
  }
  return rows;
}

struct RunSetting {
  const char* text; ///< the template
  const char* optimizer;
  const char* calibrate;
  ComponentChoice tuner = {"prompt-tuning", {{"weight-decay", "0.01"}}};
  double learning_rate = 0.02;
};

inline const RunSetting soft_prompt_before{"Review: {text} It was {mask}", "adamw", "none"};
/// Fixed text precedes the soft tokens, and its keys and values are cached from step to step.
inline const RunSetting soft_tokens_inside{"Review: {text} {\"soft\": \"all in all\"} {\"soft\"} {mask}",
                                           "adafactor", "blank"};

struct Outcome {
  std::vector<float> losses; ///< of each step
  at::Tensor trained;        ///< all values of the card's tensors after the last step
  double moved = 0;          ///< largest change of a parameter from its initial value
  std::vector<double> probabilities;
};

inline at::Tensor values_of(const std::vector<ParameterGroup>& groups) {
  std::vector<at::Tensor> values;
  for (const ParameterGroup& group : groups)
    for (const at::Tensor& tensor : group.tensors)
      values.push_back(tensor.detach().to(at::kCPU, at::kDouble).flatten());
  return values.empty() ? at::empty({0}, at::kDouble) : at::cat(values);
}

/// Trains on the model's device and predicts the training examples. `watch`, when given, is called around
/// steps.
inline Outcome run(const Model& model, const RunSetting& setting, const SetWatch& watch = {},
                   bool reads = false) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", setting.text}};
  choice.verbalizer.set = {{"multi-token-handler", "mean"}, {"calibrate", setting.calibrate}};
  choice.tuner = setting.tuner;
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", "moving"}, {"tedious", "bad"}};
  choice.seed = test_seed();
  const std::vector<Example> rows = training_set();
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice, &rows);
  if (watch)
    pipeline.tuner = std::make_shared<WatchedTuner>(pipeline.tuner, watch, reads);

  FitRequest request;
  request.steps = request.evaluate_every = steps; // one evaluation, at the end
  request.batch_size = 5;
  request.batch_tokens = 60; // several batches per step
  request.clip = 0.1;        // smaller than the gradients' norm
  request.learning_rate = setting.learning_rate;
  request.optimizer = setting.optimizer;
  const at::Tensor start = values_of(pipeline.tuner->parameters());
  Outcome outcome;
  outcome.losses = train(model, {{pipeline, rows, rows}}, request, 7 + test_seed()).report.losses;
  std::vector<at::Tensor> trained;
  for (const auto& [name, tensor] : pipeline.tuner->state(0).tensors)
    trained.push_back(tensor.to(at::kCPU).flatten());
  outcome.trained = at::cat(trained);
  outcome.moved = (values_of(pipeline.tuner->parameters()) - start).abs().max().item<double>();

  std::vector<const Example*> examples;
  for (const Example& row : rows)
    examples.push_back(&row);
  Predictor predictor(model, {&pipeline});
  for (const Prediction& prediction : predictor.predict(examples))
    outcome.probabilities.insert(outcome.probabilities.end(), prediction.decision.probabilities.begin(),
                                 prediction.decision.probabilities.end());
  return outcome;
}

/// How a manual prompt scores label words: settings with different code paths.
struct ManualSetting {
  const char* handler; ///< of words of several tokens
  const char* calibrate;
};

inline TaskPipeline manual_pipeline(const Model& model, const ManualSetting& setting,
                                    const std::vector<Example>& rows) {
  PipelineChoice choice;
  choice.prompt_template.set = {{"text", "Review: {text} It was {mask}"}};
  choice.verbalizer.set = {{"multi-token-handler", setting.handler}, {"calibrate", setting.calibrate}};
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", "unquestionably moving"}, {"tedious", "bad"}};
  TaskPipeline pipeline = make_pipeline(model, plugins(), choice, &rows);
  train(model, {{pipeline, rows, {}}}, {}, 7); // calibrates
  return pipeline;
}

} // namespace cuecard::test
