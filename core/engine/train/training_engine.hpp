/// The engine that `Tuner::fit` runs on.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <cuecard/error.hpp>
#include <cuecard/extensions/guarded_tuner.hpp>
#include <cuecard/extensions/ranks.hpp>

#include "engine/train/checkpoint.hpp"
#include "engine/train/token_search.hpp"
#include "engine/train/train.hpp"

namespace cuecard {

struct TaskInTraining {
  TaskPipeline& pipeline;
  CountedBackbone backbone;
  TrainingSet training_set;
  std::vector<Example> dev;             ///< the examples that can be evaluated
  std::unique_ptr<Predictor> predictor; ///< of `Engine::scorer`, replaced with each call
};

class TrainingEngine final : public Engine, public TokenSearch, public Ranks, public GuardedTuner {
public:
  /// All arguments must outlive it. DataError when a task has no usable training example.
  TrainingEngine(const Model& model, const std::vector<TaskToTrain>& tasks, const FitRequest& request,
                 Problem& problem, const Progress& progress, const OnPrepared& on_prepared, RankGroup& ranks,
                 TrainResult& result);

  /// Calibrates and fits the verbalizers on the examples that can be used.
  void fit_verbalizers(VerbalizerFitArgs::Moment moment);
  /// Must be called before anything is trained.
  void use_checkpoint(const Checkpointing& checkpointing, const RunIdentity& run);
  /// Adds what the scorers counted to the result, what the other ranks counted, and the time.
  void finish();

  Problem& problem() override { return problem_; }
  const FitSettings& settings() const override { return settings_; }
  std::vector<Batch> training_batches(int64_t task, int64_t step) override;
  int64_t steps_per_epoch(int64_t task) const override;
  void rerender() override;
  at::Tensor input_features(int64_t task, const Batch& batch) override;
  at::Tensor loss(int64_t task, const Batch& batch, const Conditioning& conditioning,
                  const Pass& pass) override;
  double evaluate_dev(int64_t task) override;
  Scorer& scorer(int64_t task) override;
  TensorMap resume() override;
  void checkpoint(int64_t step, const std::function<TensorMap()>& state) override;
  void progress(int64_t step, int64_t steps, double loss, double dev) override;
  void* extension(std::string_view name) override;

  Tuner& tuner() override { return *tasks_.front().pipeline.tuner; }

  std::vector<Batch> rank_batches(int64_t task, int64_t step) override;
  at::Tensor sum(const at::Tensor& values) override { return ranks_.sum(values); }
  void copy_from_first(const std::vector<at::Tensor>& tensors) override { ranks_.copy_from_first(tensors); }

  at::Tensor gradient(int64_t task, const Batch& batch, const Conditioning& conditioning) override;
  /// Each rank measures a part of the candidates.
  CandidateScores scores(int64_t task, const Batch& batch, int64_t slot, const at::Tensor& candidates,
                         const Conditioning& conditioning) override;

  /// After a training loss that is not finite at the first step: the error of the component whose output is the first that isn't, where
  /// that is certain. It runs the step's batches again. Unset where the model's weights, what the tuner returns or a narrow type may be
  /// the cause, and for later steps, because training can make numbers too large.
  std::optional<PluginError> cause_of_failure();

  /// The last step whose end was reported; 0: none.
  int64_t steps_done() const { return steps_done_; }

private:
  /// Copies the components' states of step `step`. If one of them fails, the previous copies stay.
  void keep_states(int64_t step, double dev);
  /// Of this process and those that it resumes.
  double seconds() const;
  std::vector<Batch> step_batches(const char* function, int64_t task, int64_t step, int64_t rank,
                                  int64_t ranks);
  TaskInTraining& at(int64_t task) { return tasks_.at(static_cast<std::size_t>(task)); }
  /// `at` for a call of `function` by a plugin.
  TaskInTraining& checked_task(const char* function, int64_t task);
  void add_task(const TaskToTrain& task, PreparedExamples& prepared);
  void drop_predictor(TaskInTraining& task);
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
  /// The training pass that was run last; `step` is that of its batches, from 0.
  struct LastPass {
    int64_t task = -1, step = -1, rank = 0, ranks = 1;
    Pass pass = {};
  };
  LastPass last_;
  bool evaluated_ = false;      ///< since the last checkpoint
  bool just_evaluated_ = false; ///< since the last report of progress
  int64_t steps_done_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point written_ = start_;
};

} // namespace cuecard
