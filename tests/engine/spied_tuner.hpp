/// A tuner whose fit goes through an engine that a test looks into.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <cuecard/tuner.hpp>

namespace cuecard::test {

/// All services of another engine.
class PassingEngine : public Engine {
public:
  explicit PassingEngine(Engine& engine) : engine_(engine) {}

  Scorer& scorer(int64_t task) override { return engine_.scorer(task); }
  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    return engine_.training_batches(task, step);
  }
  int64_t steps_per_epoch(int64_t task) const override { return engine_.steps_per_epoch(task); }
  void render_again() override { engine_.render_again(); }
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    return engine_.loss(task, batch, conditioning, pass);
  }
  double evaluate_dev(int64_t task) override { return engine_.evaluate_dev(task); }
  at::Tensor trigger_gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) override {
    return engine_.trigger_gradient(task, batch, conditioning);
  }
  TriggerScores trigger_scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                               const Conditioning& conditioning) override {
    return engine_.trigger_scores(task, batch, slot, candidates, conditioning);
  }
  TensorMap resume() override { return engine_.resume(); }
  void checkpoint(int64_t step, const std::function<TensorMap()>& state) override {
    engine_.checkpoint(step, state);
  }
  void progress(int64_t step, int64_t steps, double loss, double dev) override {
    engine_.progress(step, steps, loss, dev);
  }
  const FitSettings& settings() const override { return engine_.settings(); }
  Problem& problem() override { return engine_.problem(); }

protected:
  Engine& engine_;
};

/// Another tuner, whose fit is given the engine that `look` makes of the run's.
class SpiedTuner final : public Tuner {
public:
  using Look = std::function<std::unique_ptr<Engine>(Engine& engine, const Tuner& tuner)>;

  SpiedTuner(std::shared_ptr<Tuner> tuner, Look look) : tuner_(std::move(tuner)), look_(std::move(look)) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override { tuner_->edit(prompts, args); }
  bool wants_likeness() const override { return tuner_->wants_likeness(); }
  Conditioning condition(int64_t task, const Pass& pass) const override {
    return tuner_->condition(task, pass);
  }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitSettings defaults(const FitSettings& asked) const override { return tuner_->defaults(asked); }
  FitReport fit(Engine& engine) override {
    const std::unique_ptr<Engine> spy = look_(engine, *tuner_);
    return tuner_->fit(*spy);
  }
  Learned export_learned(int64_t task) const override { return tuner_->export_learned(task); }
  void import_learned(const Learned& learned) override { tuner_->import_learned(learned); }

private:
  std::shared_ptr<Tuner> tuner_;
  Look look_;
};

} // namespace cuecard::test
