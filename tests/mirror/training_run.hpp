/// One short training run on any device, and what it is compared by.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <cuecard/tuner.hpp>

#include "../engine/spied_tuner.hpp"
#include "engine/predictor.hpp"
#include "engine/train.hpp"
#include "recorded.hpp"

namespace cuecard::test {

constexpr int64_t steps = 4;

inline Model model_on(const std::string& name, const at::Device& device, at::ScalarType dtype = at::kFloat) {
  return Model::load(golden / "models" / name, plugins(), {device, dtype});
}

/// Told when no one may wait for the device any more, and when they may again.
using SetWatch = std::function<void(bool)>;

/// The engine of a run, watched from the first batch of the first step until the batches of the last: in
/// between, the gradient loop may not even read a loss.
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

/// A tuner whose fit is watched; `reads` makes it one that waits for the device in every step.
class WatchedTuner final : public Tuner {
public:
  WatchedTuner(std::shared_ptr<Tuner> tuner, SetWatch watch, bool reads)
      : tuner_(std::move(tuner)), watch_(std::move(watch)), reads_(reads) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override { tuner_->edit(prompts, args); }
  Conditioning condition(int64_t task, const Pass& pass) const override {
    Conditioning conditioning = tuner_->condition(task, pass);
    if (reads_)
      (void)conditioning.embeddings.sum().item<float>();
    return conditioning;
  }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitSettings defaults(const FitSettings& asked) const override { return tuner_->defaults(asked); }
  FitReport fit(Engine& engine) override {
    WatchedEngine watched(engine, watch_);
    return Tuner::fit(watched); // the SDK's gradient loop, with this object's `condition`
  }
  Learned export_learned(int64_t task) const override { return tuner_->export_learned(task); }
  void import_learned(const Learned& learned) override { tuner_->import_learned(learned); }

private:
  std::shared_ptr<Tuner> tuner_;
  SetWatch watch_;
  bool reads_;
};

inline std::vector<Example> training_rows() {
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

inline const RunSetting rows_in_front{"Review: {text} It was {mask}", "adamw", "none"};
/// Fixed rows stand in front of the learned ones and are kept from step to step.
inline const RunSetting rows_inside{"Review: {text} {\"soft\": \"all in all\"} {\"soft\"} {mask}", "adafactor",
                                    "blank"};

struct Outcome {
  std::vector<float> losses; ///< of each step
  at::Tensor learned;        ///< all numbers of the card's tensors after the last
  std::vector<double> probabilities;
};

/// Trains on the model's device and predicts the training rows. `watch`, when given, is called around steps.
inline Outcome run(const Model& model, const RunSetting& setting, const SetWatch& watch = {},
                   bool reads = false) {
  MethodChoice choice;
  choice.prompt_template.set = {{"text", setting.text}};
  choice.verbalizer.set = {{"multi-token-handler", "mean"}, {"calibrate", setting.calibrate}};
  choice.tuner = setting.tuner;
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", "moving"}, {"tedious", "bad"}};
  const std::vector<Example> rows = training_rows();
  Method method = make_method(model, plugins(), choice, &rows);
  if (watch)
    method.tuner = std::make_shared<WatchedTuner>(method.tuner, watch, reads);

  FitSettings settings;
  settings.steps = settings.evaluate_every = steps; // one look, at the end
  settings.batch_size = 5;
  settings.batch_tokens = 60; // several batches a step
  settings.clip = 0.1;        // gradients are longer than that
  settings.learning_rate = setting.learning_rate;
  settings.optimizer = setting.optimizer;
  Outcome outcome;
  outcome.losses = train(model, {{method, rows, rows}}, settings, 7).report.losses;
  std::vector<at::Tensor> learned;
  for (const auto& [name, tensor] : method.tuner->export_learned(0).tensors)
    learned.push_back(tensor.to(at::kCPU).flatten());
  outcome.learned = at::cat(learned);

  std::vector<const Example*> asked;
  for (const Example& row : rows)
    asked.push_back(&row);
  Predictor predictor(model, {&method});
  for (const Prediction& prediction : predictor.predict(asked))
    outcome.probabilities.insert(outcome.probabilities.end(), prediction.decision.probabilities.begin(),
                                 prediction.decision.probabilities.end());
  return outcome;
}

/// What a manual prompt's label words are read by, in its three settings that take different ways.
struct ManualSetting {
  const char* handler; ///< of words of several tokens
  const char* calibrate;
};

inline Method manual_method(const Model& model, const ManualSetting& setting,
                            const std::vector<Example>& rows) {
  MethodChoice choice;
  choice.prompt_template.set = {{"text", "Review: {text} It was {mask}"}};
  choice.verbalizer.set = {{"multi-token-handler", setting.handler}, {"calibrate", setting.calibrate}};
  choice.labels = {"good", "bad"};
  choice.label_words = {{"great", "unquestionably moving"}, {"tedious", "bad"}};
  Method method = make_method(model, plugins(), choice, &rows);
  train(model, {{method, rows, {}}}, {}, 7); // calibrates
  return method;
}

} // namespace cuecard::test
