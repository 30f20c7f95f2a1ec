/// A tuner whose training is observed: the losses that its `fit` computes, and the steps that it takes batches for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cuecard/tuner.hpp>

namespace cuecard::conformance {

struct Observer {
  std::function<void(const at::Tensor& loss)> loss = {};
  std::function<void(int64_t step)> step = {}; ///< before its batches are made
};

/// Passes every call on. Optional services of the engine are those of the run, and not observed.
class ObservedEngine final : public Engine {
public:
  ObservedEngine(Engine& engine, const Observer& observer) : engine_(engine), observer_(observer) {}

  Problem& problem() override { return engine_.problem(); }
  const FitSettings& settings() const override { return engine_.settings(); }
  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    if (observer_.step)
      observer_.step(step);
    return engine_.training_batches(task, step);
  }
  int64_t steps_per_epoch(int64_t task) const override { return engine_.steps_per_epoch(task); }
  void rerender() override { engine_.rerender(); }
  at::Tensor input_features(int64_t task, const Batch& batch) override {
    return engine_.input_features(task, batch);
  }
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    at::Tensor loss = engine_.loss(task, batch, conditioning, pass);
    if (observer_.loss)
      observer_.loss(loss);
    return loss;
  }
  double evaluate_dev(int64_t task) override { return engine_.evaluate_dev(task); }
  Scorer& scorer(int64_t task) override { return engine_.scorer(task); }
  TensorMap resume() override { return engine_.resume(); }
  void checkpoint(int64_t step, const std::function<TensorMap()>& state) override {
    engine_.checkpoint(step, state);
  }
  void progress(int64_t step, int64_t steps, double loss, double dev) override {
    engine_.progress(step, steps, loss, dev);
  }
  void* extension(std::string_view id) override { return engine_.extension(id); }

private:
  Engine& engine_;
  const Observer& observer_;
};

class ObservedTuner final : public Tuner {
public:
  ObservedTuner(std::shared_ptr<Tuner> tuner, Observer observer)
      : tuner_(std::move(tuner)), observer_(std::move(observer)) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override { tuner_->edit(prompts, args); }
  bool wants_representation() const override { return tuner_->wants_representation(); }
  InputFeatures input_features() const override { return tuner_->input_features(); }
  Conditioning condition(const ConditionArgs& args) const override { return tuner_->condition(args); }
  TensorMap replaced_weights() const override { return tuner_->replaced_weights(); }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitRequest defaults(const FitRequest& request) const override { return tuner_->defaults(request); }
  FitReport fit(Engine& engine) override {
    ObservedEngine observed(engine, observer_);
    return tuner_->fit(observed);
  }
  ComponentState state(int64_t task) const override { return tuner_->state(task); }
  void load_state(const ComponentState& state) override { tuner_->load_state(state); }
  bool adopt(const Conditioning& trained, std::string& why) override { return tuner_->adopt(trained, why); }

private:
  std::shared_ptr<Tuner> tuner_;
  Observer observer_;
};

} // namespace cuecard::conformance
