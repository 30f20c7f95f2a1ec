#include "engine/train/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/extensions/guarded_tuner.hpp>
#include <cuecard/extensions/ranks.hpp>

#include "batch/example_bytes.hpp"
#include "engine/card_mix.hpp"
#include "engine/predict/ensemble.hpp"
#include "engine/predict/scores.hpp"
#include "engine/tokenized_example.hpp"
#include "engine/train/checkpoint.hpp"
#include "engine/train/dev_metric.hpp"
#include "engine/train/gradient_path.hpp"
#include "engine/train/share_out.hpp"
#include "engine/train/token_search.hpp"
#include "registry/guard.hpp"

namespace cuecard {

namespace {

struct TaskInTraining {
  TaskPipeline& pipeline;
  CountedBackbone backbone;
  TrainingSet training_set;
  std::vector<Example> dev;             ///< the examples that can be evaluated
  std::unique_ptr<Predictor> predictor; ///< of `Engine::scorer`, replaced with each call
};

/// A search can run for long without an evaluation.
constexpr std::chrono::seconds max_checkpoint_age{30};

class TrainingEngine final : public Engine, public TokenSearch, public Ranks, public GuardedTuner {
public:
  TrainingEngine(const Model& model, const std::vector<TrainTask>& tasks, const FitRequest& request,
                 Problem& problem, const Progress& progress, const OnPrepared& on_prepared, RankGroup& ranks,
                 TrainResult& result)
      : model_(model), problem_(problem), progress_(progress), ranks_(ranks), result_(result) {
    int64_t most = 0;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      PreparedExamples prepared;
      add_task(tasks[i], prepared);
      if (on_prepared)
        on_prepared(i, prepared);
      if (tasks_.back().training_set.size() == 0)
        throw DataError("none of the training examples can be used" +
                        (prepared.skipped_train.empty()
                             ? std::string(": there are none.")
                             : "; line " + std::to_string(prepared.skipped_train.front().line) + ": " +
                                   prepared.skipped_train.front().reason));
      most = std::max(most, tasks_.back().training_set.size());
    }
    settings_ = resolve(request, most);
  }

  /// Calibrates and fits the verbalizers on the examples that can be used.
  void fit_verbalizers(VerbalizerFitArgs::Moment moment) {
    for (TaskInTraining& task : tasks_) {
      std::vector<const Example*> dev;
      for (const Example& example : task.dev)
        dev.push_back(&example);
      result_.counters +=
          fit_verbalizer(model_, task.pipeline, task.training_set.examples(), predict_settings(), moment, dev);
    }
  }

  Problem& problem() override { return problem_; }
  const FitSettings& settings() const override { return settings_; }

  std::vector<Batch> training_batches(int64_t task, int64_t step) override {
    return step_batches(task, step, 0, 1);
  }

  int64_t steps_per_epoch(int64_t task) const override {
    return tasks_[static_cast<std::size_t>(task)].training_set.steps_per_epoch(settings_);
  }

  void rerender() override {
    for (TaskInTraining& task : tasks_) {
      std::vector<SkippedExample> skipped;
      task.training_set.render(skipped);
      if (task.training_set.size() == 0)
        throw DataError("none of the training examples can be used with this template: " +
                        skipped.at(0).reason);
    }
  }

  at::Tensor input_features(int64_t task, const Batch& batch) override {
    return at(task).training_set.input_features(batch);
  }

  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override {
    const TaskInTraining& of = at(task);
    require_slots(of.training_set.slots(), slots_of(conditioning), of.pipeline);
    const at::Tensor hidden = of.backbone.forward(batch, alone(conditioning, pass));
    const at::Tensor outputs = of.backbone.project(hidden, of.pipeline.verbalizer->output_request(), batch);
    Scores scores;
    at::Tensor loss;
    if (has_members(batch)) {
      loss = ensemble_loss(of.pipeline, outputs, batch, pass);
    } else {
      scores = scores_of(of.pipeline, outputs, batch, pass);
      loss = of.pipeline.verbalizer->loss({scores, batch});
    }
    if (pass.training && at::GradMode::is_enabled())
      require_gradient(of.pipeline, {conditioning, hidden, outputs, scores.values, loss});
    return loss;
  }

  double evaluate_dev(int64_t task) override {
    evaluated_ = true;
    const TaskInTraining& of = at(task);
    if (of.dev.empty())
      return NAN;
    std::vector<int64_t> sizes;
    for (const Example& example : of.dev)
      sizes.push_back(static_cast<int64_t>(bytes_of(example)));
    const std::vector<int64_t> rank_of = shared_out(sizes, ranks_.ranks());
    std::vector<const Example*> examples, mine;
    for (std::size_t i = 0; i < of.dev.size(); ++i) {
      examples.push_back(&of.dev[i]);
      if (rank_of[i] == ranks_.rank())
        mine.push_back(&of.dev[i]);
    }
    Predictor predictor(model_, {&of.pipeline}, predict_settings());
    const std::vector<Prediction> predictions = gathered(ranks_, rank_of, predictor.predict(mine));
    result_.counters += predictor.counters();
    return dev_metric(of.pipeline, examples, predictions);
  }

  Scorer& scorer(int64_t task) override {
    TaskInTraining& of = at(task);
    drop_predictor(of);
    of.predictor =
        std::make_unique<Predictor>(model_, std::vector<const TaskPipeline*>{&of.pipeline}, predict_settings());
    return of.predictor->scorer();
  }

  /// Must be called before anything is trained.
  void use_checkpoint(const Checkpointing& checkpointing, RunIdentity run) {
    checkpoint_.emplace(checkpointing.directory, std::move(run));
    if (checkpointing.on_remark && !checkpoint_->remark().empty())
      checkpointing.on_remark(checkpoint_->remark());
    every_ = checkpointing.every;
  }

  TensorMap resume() override {
    TensorMap state = ranks_.from_first(checkpoint_ ? checkpoint_->read() : TensorMap());
    result_.seconds = taken(state, seconds_name);
    result_.examples_seen = static_cast<int64_t>(taken(state, examples_name));
    return state;
  }
  void checkpoint(int64_t step, const std::function<TensorMap()>& state) override {
    const auto now = std::chrono::steady_clock::now();
    const bool due = evaluated_ || (every_ > 0 && step % every_ == 0) || now - written_ > max_checkpoint_age;
    evaluated_ = false;
    if (!checkpoint_ || !due)
      return;
    TensorMap saved = state();
    saved[seconds_name] = at::scalar_tensor(seconds(), at::kDouble);
    saved[examples_name] = at::scalar_tensor(static_cast<double>(result_.examples_seen), at::kDouble);
    checkpoint_->write(saved);
    written_ = std::chrono::steady_clock::now();
  }

  void progress(int64_t step, int64_t steps, double loss, double dev) override {
    if (progress_ && !progress_(step, steps, loss, dev))
      ranks_.stop();
    if (ranks_.stopped())
      throw Cancelled();
  }

  void* extension(std::string_view name) override {
    if (name == Ranks::id)
      return ranks_.several() ? static_cast<Ranks*>(this) : nullptr;
    if (name == GuardedTuner::id)
      return static_cast<GuardedTuner*>(this);
    return name == TokenSearch::id ? static_cast<TokenSearch*>(this) : nullptr;
  }

  Tuner& tuner() override { return *tasks_.front().pipeline.tuner; }

  std::vector<Batch> rank_batches(int64_t task, int64_t step) override {
    return step_batches(task, step, ranks_.rank(), ranks_.ranks());
  }
  at::Tensor sum(const at::Tensor& values) override { return ranks_.sum(values); }
  void copy_from_first(const std::vector<at::Tensor>& tensors) override { ranks_.copy_from_first(tensors); }

  at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) override {
    const at::Tensor gradient =
        trigger_gradient(model_, at(task).pipeline, at(task).backbone, batch, conditioning);
    ranks_.copy_from_first({gradient}); // which candidates are tried must not depend on rounding
    return gradient;
  }
  /// Each rank measures a part of the candidates.
  CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                         const Conditioning& conditioning) override {
    TaskInTraining& of = at(task);
    const auto measured = [&](const at::Tensor& part) {
      return candidate_scores(model_, of.pipeline, of.backbone, of.training_set, batch, slot, part,
                              conditioning, settings_.batch_tokens);
    };
    if (!ranks_.several())
      return measured(candidates);
    const int64_t count = candidates.size(0), begin = count * ranks_.rank() / ranks_.ranks(),
                  end = count * (ranks_.rank() + 1) / ranks_.ranks();
    at::Tensor both = at::zeros({2, count}, at::kFloat);
    if (begin < end) {
      const CandidateScores mine = measured(candidates.slice(0, begin, end));
      both[0].slice(0, begin, end).copy_(mine.loss);
      both[1].slice(0, begin, end).copy_(mine.correct);
    }
    both = ranks_.sum(both.view({-1})).view({2, count}).to(candidates.device());
    return {both[0], both[1]};
  }

  /// Adds what the scorers counted to the result, what the other ranks counted, and the time.
  void finish() {
    for (TaskInTraining& task : tasks_)
      drop_predictor(task);
    const std::string mine(reinterpret_cast<const char*>(&result_.counters), sizeof result_.counters);
    result_.counters = {};
    for (const std::string& text : ranks_.gather(mine)) {
      Counters counters;
      std::memcpy(&counters, text.data(), sizeof counters);
      result_.counters += counters;
    }
    result_.seconds = seconds();
  }

private:
  /// Beside the tuner's tensors in a checkpoint: what the run had done by then.
  static constexpr const char* seconds_name = "run.seconds";
  static constexpr const char* examples_name = "run.examples";

  /// Removes the number of that name; 0 if there is none.
  static double taken(TensorMap& state, const char* name) {
    const auto found = state.find(name);
    const double value = found == state.end() ? 0 : found->second.item<double>();
    state.erase(name);
    return value;
  }

  /// Of this process and those that it resumes.
  double seconds() const {
    return result_.seconds + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  std::vector<Batch> step_batches(int64_t task, int64_t step, int64_t rank, int64_t ranks) {
    TrainingSet& set = at(task).training_set;
    result_.examples_seen += set.examples_in(step, settings_);
    return set.batches(step, settings_, problem_.seed + static_cast<uint64_t>(task), rank, ranks);
  }

  TaskInTraining& at(int64_t task) { return tasks_.at(static_cast<std::size_t>(task)); }

  void add_task(const TrainTask& task, PreparedExamples& prepared) {
    const CountedBackbone backbone = task.pipeline.backbone(model_, result_.counters);
    backbones_.push_back(backbone);
    tasks_.push_back({task.pipeline,
                      backbone,
                      TrainingSet(model_, task.pipeline, backbones_.back(), task.train, prepared.skipped_train),
                      {},
                      {}});
    prepared.cut_train = tasks_.back().training_set.cut();
    for (const Example& example : task.dev) {
      try {
        const std::vector<TokenizedPrompt> prompts = tokenized(task.pipeline, model_, example);
        require_answer(task.pipeline, example);
        prepared.cut_dev.add(cut_of(prompts));
        tasks_.back().dev.push_back(example);
      } catch (const DataError& error) {
        prepared.skipped_dev.push_back({example.line, error.what()});
      }
    }
    tasks_.back().dev = measured_inputs(task.pipeline, std::move(tasks_.back().dev));
    result_.dev_examples.push_back(std::ssize(tasks_.back().dev));
  }

  void drop_predictor(TaskInTraining& task) {
    if (task.predictor)
      result_.counters += task.predictor->counters();
    task.predictor = nullptr;
  }

  /// Passes without gradients must also fit into the run's memory.
  PredictSettings predict_settings() const { return {.batch_tokens = settings_.batch_tokens}; }

  const Model& model_;
  FitSettings settings_;
  Problem& problem_;
  const Progress& progress_;
  RankGroup& ranks_;
  TrainResult& result_;
  std::deque<CountedBackbone> backbones_; ///< must not move
  std::deque<TaskInTraining> tasks_;
  std::optional<Checkpoint> checkpoint_;
  int64_t every_ = 0;
  bool evaluated_ = false; ///< since the last checkpoint
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point written_ = start_;
};

/// Whether the state of a component changed.
bool differ(const ComponentState& a, const ComponentState& b) {
  return a.texts != b.texts || !std::ranges::equal(a.tensors, b.tensors, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.sizes() == y.second.sizes() && at::equal(x.second, y.second);
         });
}

} // namespace

Counters fit_verbalizer(const Model& model, TaskPipeline& pipeline, const std::vector<const Example*>& train,
                        const PredictSettings& settings, VerbalizerFitArgs::Moment moment,
                        const std::vector<const Example*>& dev) {
  const bool before = moment == VerbalizerFitArgs::Moment::before_training;
  Predictor predictor(model, {&pipeline}, settings);
  if (before)
    pipeline.verbalizer->calibrate(predictor.scorer());
  pipeline.verbalizer->fit({predictor.scorer(), train, moment, before ? std::vector<const Example*>() : dev});
  return predictor.counters();
}

namespace {

/// What can't be saved is found before anything is trained: the guards check what `state` returns.
void try_states(const std::vector<TrainTask>& tasks) {
  for (const TrainTask& task : tasks) {
    task.pipeline.tuner->state(task.pipeline.task);
    task.pipeline.verbalizer->state();
  }
}

/// The metrics of the trained cards. A failure of them loses no card, unless other ranks wait for this one.
void evaluate_all(TrainingEngine& engine, std::size_t tasks, bool alone, TrainResult& result) {
  try {
    for (std::size_t task = 0; task < tasks; ++task)
      result.dev[task] = engine.evaluate_dev(static_cast<int64_t>(task));
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    if (!alone)
      throw;
    result.dev.assign(tasks, NAN);
    if (result.report.failure.empty())
      result.report.failure =
          "the trained cards could not be evaluated: " + registry::sentence_of(error.what());
  }
}

TrainResult train_on(RankGroup& ranks, const Model& model, const std::vector<TrainTask>& tasks,
                     const FitRequest& request, uint64_t seed, const Progress& progress,
                     const OnPrepared& on_prepared, const Checkpointing& checkpointing) {
  TrainResult result;
  Tuner& tuner = *tasks.at(0).pipeline.tuner;
  Problem problem{model.backbone(), model.vocabulary(), {}, seed, {}, {}};
  for (const TrainTask& task : tasks)
    problem.tasks.push_back({task.pipeline.name, *task.pipeline.prompt_template, *task.pipeline.verbalizer,
                             task.pipeline.labels, &task.train, &task.dev, task.pipeline.metric,
                             task.pipeline.record.multi_label});
  TrainingEngine engine(model, tasks, tuner.defaults(request), problem, progress, on_prepared, ranks, result);
  const bool checkpoint = !checkpointing.directory.empty() && ranks.writes();
  if (checkpoint || ranks.several()) {
    RunIdentity run = describe_run(model, engine.settings(), seed);
    for (const TrainTask& task : tasks)
      describe_task(run, task.pipeline, task.train, task.dev);
    if (checkpoint)
      engine.use_checkpoint(checkpointing, run);
    ranks.require_same(without_initial_states(std::move(run)));
  }
  engine.fit_verbalizers(VerbalizerFitArgs::Moment::before_training);
  try_states(tasks);
  result.report = tuner.fit(engine);
  ranks.require_all();
  std::vector<ComponentState> before;
  for (const TrainTask& task : tasks) {
    before.push_back(task.pipeline.verbalizer->state());
    for (auto& [name, tensor] : before.back().tensors)
      tensor = tensor.clone(); // it may share storage with what is trained further
  }
  try {
    engine.fit_verbalizers(VerbalizerFitArgs::Moment::after_training);
  } catch (const Cancelled&) {
    throw;
  } catch (const std::exception& error) { // what the tuner has learned is not lost
    for (std::size_t task = 0; task < tasks.size(); ++task)
      tasks[task].pipeline.verbalizer->load_state(before[task]);
    if (result.report.failure.empty())
      result.report.failure =
          "the verbalizer could not be fitted after training: " + registry::sentence_of(error.what());
  }
  bool changed = false; // by the last fit, so that evaluations during training are not those of the card
  for (std::size_t task = 0; task < tasks.size(); ++task)
    changed = changed || differ(before[task], tasks[task].pipeline.verbalizer->state());
  result.dev.assign(tasks.size(), result.report.best_dev);
  if (tasks.size() > 1 || changed)
    evaluate_all(engine, tasks.size(), !ranks.several(), result);
  engine.finish();
  return result;
}

} // namespace

TrainResult train(const Model& model, const std::vector<TrainTask>& tasks, const FitRequest& request,
                  uint64_t seed, const Progress& progress, const OnPrepared& on_prepared,
                  const Checkpointing& checkpointing, const RankPlace& place) {
  RankGroup ranks(place);
  try {
    return train_on(ranks, model, tasks, request, seed, progress, on_prepared, checkpointing);
  } catch (const std::exception&) {
    ranks.require_all(); // a tuner's guard would blame the tuner
    throw;
  }
}

} // namespace cuecard
