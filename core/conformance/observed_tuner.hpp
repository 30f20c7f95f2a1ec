/// A tuner whose training is observed: every loss that its `fit` computes is looked at.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cuecard/tuner.hpp>

namespace cuecard::conformance {

/// Passes every call on. Optional services of the engine are those of the run, and not observed.
class ObservedEngine final : public Engine {
public:
  using Look = std::function<void(const at::Tensor& loss)>;

  ObservedEngine(Engine& engine, const Look& look) : engine_(engine), look_(look) {}

  Problem& problem() override { return engine_.problem(); }
  const FitSettings& settings() const override { return engine_.settings(); }
  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
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
    look_(loss);
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
  const Look& look_;
};

class ObservedTuner final : public Tuner {
public:
  ObservedTuner(std::shared_ptr<Tuner> tuner, ObservedEngine::Look look)
      : tuner_(std::move(tuner)), look_(std::move(look)) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override { tuner_->edit(prompts, args); }
  bool wants_representation() const override { return tuner_->wants_representation(); }
  InputFeatures input_features() const override { return tuner_->input_features(); }
  Conditioning condition(const ConditionArgs& args) const override { return tuner_->condition(args); }
  TensorMap replaced_weights() const override { return tuner_->replaced_weights(); }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitRequest defaults(const FitRequest& request) const override { return tuner_->defaults(request); }
  FitReport fit(Engine& engine) override {
    ObservedEngine observed(engine, look_);
    return tuner_->fit(observed);
  }
  ComponentState state(int64_t task) const override { return tuner_->state(task); }
  void load_state(const ComponentState& state) override { tuner_->load_state(state); }
  bool adopt(const Conditioning& trained, std::string& why) override { return tuner_->adopt(trained, why); }

private:
  std::shared_ptr<Tuner> tuner_;
  ObservedEngine::Look look_;
};

} // namespace cuecard::conformance
