/// A tuner whose `fit` runs on an engine that observes or changes its calls, and whose `condition` is observed.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <cuecard/extensions/token_search.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// Forwards every call to another engine, and every call of its TokenSearch.
class PassingEngine : public Engine, public TokenSearch {
public:
  explicit PassingEngine(Engine& engine) : engine_(engine) {}

  Scorer& scorer(int64_t task) override { return engine_.scorer(task); }
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
    return engine_.loss(task, batch, conditioning, pass);
  }
  double evaluate_dev(int64_t task) override { return engine_.evaluate_dev(task); }
  at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) override {
    return find_extension<TokenSearch>(engine_)->gradient(task, batch, conditioning);
  }
  CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                         const Conditioning& conditioning) override {
    return find_extension<TokenSearch>(engine_)->scores(task, batch, slot, candidates, conditioning);
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
  void* extension(std::string_view name) override {
    if (name == TokenSearch::id)
      return static_cast<TokenSearch*>(this);
    return engine_.extension(name);
  }

protected:
  Engine& engine_;
};

/// Wraps a tuner; its `fit` receives the engine that `wrap` creates from the run's engine. `condition`, if given, is called instead of
/// the tuner's, which it gets.
class SpiedTuner final : public Tuner {
public:
  using Wrap = std::function<std::unique_ptr<Engine>(Engine& engine, const Tuner& tuner)>;

  using Condition = std::function<Conditioning(const Tuner& tuner, const ConditionArgs& args)>;

  SpiedTuner(std::shared_ptr<Tuner> tuner, Wrap wrap, Condition condition = {})
      : tuner_(std::move(tuner)), wrap_(std::move(wrap)), condition_(std::move(condition)) {}

  void prepare(const Problem& problem) override { tuner_->prepare(problem); }
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override { tuner_->edit(prompts, args); }
  bool wants_representation() const override { return tuner_->wants_representation(); }
  InputFeatures input_features() const override { return tuner_->input_features(); }
  Conditioning condition(const ConditionArgs& args) const override {
    return condition_ ? condition_(*tuner_, args) : tuner_->condition(args);
  }
  TensorMap replaced_weights() const override { return tuner_->replaced_weights(); }
  std::vector<ParameterGroup> parameters() override { return tuner_->parameters(); }
  FitRequest defaults(const FitRequest& request) const override { return tuner_->defaults(request); }
  FitReport fit(Engine& engine) override {
    const std::unique_ptr<Engine> spy = wrap_(engine, *tuner_);
    return tuner_->fit(*spy);
  }
  ComponentState state(int64_t task) const override { return tuner_->state(task); }
  void load_state(const ComponentState& state) override { tuner_->load_state(state); }
  bool adopt(const Conditioning& trained, std::string& why) override { return tuner_->adopt(trained, why); }

private:
  std::shared_ptr<Tuner> tuner_;
  Wrap wrap_;
  Condition condition_;
};

} // namespace cuecard
