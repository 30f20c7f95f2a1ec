#include "engine/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include <cuecard/error.hpp>

#include "engine/checkpoint.hpp"
#include "engine/dev_metric.hpp"
#include "engine/ensemble.hpp"
#include "engine/scores.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/triggers.hpp"

namespace cuecard {

namespace {

/// One task at work.
struct LearningTask {
  Method& method;
  CountedBackbone backbone;
  TrainingRows rows;
  std::vector<Example> dev;             ///< those that a look can measure
  std::unique_ptr<Predictor> predictor; ///< behind `Engine::scorer`, made anew with each call
  Counters counted;                     ///< of `predictor`, as far as they are in the result
};

/// A search can go on for long without a look at dev rows.
constexpr std::chrono::seconds longest_unwritten{30};

class TrainingEngine final : public Engine {
public:
  TrainingEngine(const Model& model, const std::vector<TrainTask>& tasks, FitSettings settings,
                 Problem& problem, const Progress& progress, const LeftOut& left_out, TrainResult& result)
      : model_(model), settings_(std::move(settings)), problem_(problem), progress_(progress), result_(result) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      UnusableRows unusable;
      add_task(tasks[i], unusable);
      if (left_out)
        left_out(i, unusable);
      if (tasks_.back().rows.size() == 0)
        throw DataError("none of the training rows can be used" +
                        (unusable.train.empty() ? std::string(": there are none.")
                                                : "; line " + std::to_string(unusable.train.front().line) +
                                                      ": " + unusable.train.front().reason));
    }
  }

  /// Calibrates and fits the verbalizers on the rows that can be used.
  void fit_verbalizers(Verbalizer::Moment moment) {
    for (LearningTask& task : tasks_)
      result_.counters += fit_verbalizer(model_, task.method, task.rows.examples(), predicting(), moment);
  }

  Scorer& scorer(int64_t task) override {
    LearningTask& of = at(task);
    settle(of);
    of.predictor = std::make_unique<Predictor>(model_, std::vector<const Method*>{&of.method}, predicting());
    return of.predictor->scorer();
  }

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    std::vector<Batch> batches =
        at(task).rows.batches(step, settings_, problem_.seed + static_cast<uint64_t>(task));
    for (const Batch& batch : batches)
      for (int64_t e = 0; e < batch.size(); ++e)
        result_.examples_seen += batch.begins_example(e);
    return batches;
  }

  int64_t steps_per_epoch(int64_t task) const override {
    return tasks_[static_cast<std::size_t>(task)].rows.steps_per_epoch(settings_);
  }

  void render_again() override {
    for (LearningTask& task : tasks_) {
      std::vector<UnusableRow> unusable;
      task.rows.render(unusable);
      if (task.rows.size() == 0)
        throw DataError("none of the training rows can be used with this template: " + unusable.at(0).reason);
    }
  }

  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    const LearningTask& of = at(task);
    const at::Tensor hidden = of.backbone.forward(batch, conditioning);
    const at::Tensor values = of.backbone.read(hidden, of.method.verbalizer->readout(), batch);
    return has_members(batch) ? ensemble_loss(of.method, values, batch, pass)
                              : of.method.verbalizer->loss(scores_of(of.method, values, batch, pass), batch);
  }

  double evaluate_dev(int64_t task) override {
    looked_ = true;
    const LearningTask& of = at(task);
    if (of.dev.empty())
      return NAN;
    std::vector<const Example*> rows;
    for (const Example& example : of.dev)
      rows.push_back(&example);
    Predictor predictor(model_, {&of.method}, predicting());
    const double value = dev_metric(of.method, rows, predictor.predict(rows));
    result_.counters += predictor.counters();
    return value;
  }

  at::Tensor trigger_gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) override {
    return cuecard::trigger_gradient(model_, at(task).method, at(task).backbone, batch, conditioning);
  }
  TriggerScores trigger_scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                               const Conditioning& conditioning) override {
    LearningTask& of = at(task);
    return cuecard::trigger_scores(model_, of.method, of.backbone, of.rows, batch, slot, candidates,
                                   conditioning, settings_.batch_tokens);
  }

  /// Must be called before anything is learned.
  void keep(const Checkpointing& checkpointing, RunIdentity run) {
    checkpoint_.emplace(checkpointing.directory, std::move(run));
    every_ = checkpointing.every;
  }

  TensorMap resume() override { return checkpoint_ ? checkpoint_->read() : TensorMap(); }
  void checkpoint(int64_t step, const std::function<TensorMap()>& state) override {
    const auto now = std::chrono::steady_clock::now();
    const bool due = looked_ || (every_ > 0 && step % every_ == 0) || now - written_ > longest_unwritten;
    looked_ = false;
    if (!checkpoint_ || !due)
      return;
    checkpoint_->write(state());
    written_ = std::chrono::steady_clock::now();
  }

  void progress(int64_t step, int64_t steps, double loss, double dev) override {
    if (progress_ && !progress_(step, steps, loss, dev))
      throw Cancelled();
  }

  const FitSettings& settings() const override { return settings_; }
  Problem& problem() override { return problem_; }

  /// Takes what the scorers counted into the result.
  void finish() {
    for (LearningTask& task : tasks_)
      settle(task);
  }

private:
  LearningTask& at(int64_t task) { return tasks_.at(static_cast<std::size_t>(task)); }

  void add_task(const TrainTask& task, UnusableRows& unusable) {
    const CountedBackbone backbone = task.method.backbone(model_, result_.counters);
    backbones_.push_back(backbone);
    tasks_.push_back({task.method,
                      backbone,
                      TrainingRows(model_, task.method, backbones_.back(), task.train, unusable.train),
                      {},
                      {},
                      {}});
    for (const Example& example : task.dev) {
      try {
        tokenized(task.method, model_, example);
        require_answer(task.method, example);
        tasks_.back().dev.push_back(example);
      } catch (const DataError& error) {
        unusable.dev.push_back({example.line, error.what()});
      }
    }
    tasks_.back().dev = measured_inputs(task.method, std::move(tasks_.back().dev));
    result_.dev_rows.push_back(std::ssize(tasks_.back().dev));
  }

  void settle(LearningTask& task) {
    if (task.predictor)
      result_.counters += task.predictor->counters();
    task.predictor = nullptr;
  }

  /// Passes without gradients hold to the run's memory, too.
  PredictSettings predicting() const { return {.batch_tokens = settings_.batch_tokens}; }

  const Model& model_;
  FitSettings settings_;
  Problem& problem_;
  const Progress& progress_;
  TrainResult& result_;
  std::deque<CountedBackbone> backbones_; ///< stay where they are
  std::deque<LearningTask> tasks_;
  std::optional<Checkpoint> checkpoint_;
  int64_t every_ = 0;
  bool looked_ = false; ///< at dev rows, since a state was due
  std::chrono::steady_clock::time_point written_ = std::chrono::steady_clock::now();
};

/// Whether a component learned something else meanwhile.
bool differ(const Learned& a, const Learned& b) {
  return a.texts != b.texts || !std::ranges::equal(a.tensors, b.tensors, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.sizes() == y.second.sizes() && at::equal(x.second, y.second);
         });
}

FitSettings completed(const Tuner& tuner, const FitSettings& asked) {
  FitSettings settings = tuner.defaults(asked);
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.batch_tokens <= 0)
    settings.batch_tokens = 8192;
  return settings;
}

} // namespace

Counters fit_verbalizer(const Model& model, Method& method, const std::vector<const Example*>& train,
                        const PredictSettings& settings, Verbalizer::Moment moment) {
  Predictor predictor(model, {&method}, settings);
  if (moment == Verbalizer::Moment::before_training)
    method.verbalizer->calibrate(predictor.scorer());
  method.verbalizer->fit(predictor.scorer(), train, moment);
  return predictor.counters();
}

TrainResult train(const Model& model, const std::vector<TrainTask>& tasks, const FitSettings& settings,
                  uint64_t seed, const Progress& progress, const LeftOut& left_out,
                  const Checkpointing& checkpointing) {
  const auto start = std::chrono::steady_clock::now();
  TrainResult result;
  Tuner& tuner = *tasks.at(0).method.tuner;
  Problem problem{model.backbone(), model.vocabulary(), {}, seed, {}, {}};
  for (const TrainTask& task : tasks)
    problem.tasks.push_back({task.method.name, *task.method.prompt_template, *task.method.verbalizer,
                             task.method.labels, &task.train, &task.dev, task.method.metric});
  TrainingEngine engine(model, tasks, completed(tuner, settings), problem, progress, left_out, result);
  if (!checkpointing.directory.empty()) {
    RunIdentity run = describe_run(model, engine.settings(), seed);
    for (const TrainTask& task : tasks)
      describe_task(run, task.method, task.train, task.dev);
    engine.keep(checkpointing, std::move(run));
  }
  engine.fit_verbalizers(Verbalizer::Moment::before_training);
  result.report = tuner.fit(engine);
  std::vector<Learned> before;
  for (const TrainTask& task : tasks) {
    before.push_back(task.method.verbalizer->export_learned());
    for (auto& [name, tensor] : before.back().tensors)
      tensor = tensor.clone(); // what it exports may be what it goes on with
  }
  engine.fit_verbalizers(Verbalizer::Moment::after_training);
  bool moved = false; // by what was fitted last, so that the looks while learning are not about the card
  for (std::size_t task = 0; task < tasks.size(); ++task)
    moved = moved || differ(before[task], tasks[task].method.verbalizer->export_learned());
  result.dev.assign(tasks.size(), result.report.best_dev);
  if (tasks.size() > 1 || moved)
    for (std::size_t task = 0; task < tasks.size(); ++task)
      result.dev[task] = engine.evaluate_dev(static_cast<int64_t>(task));
  engine.finish();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

} // namespace cuecard
