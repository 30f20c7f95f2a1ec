/// Trains pipelines: the engine that `Tuner::fit` runs on.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <cuecard/error.hpp>
#include <cuecard/tuner.hpp>

#include "engine/counters.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/rank_group.hpp"
#include "engine/train/training_set.hpp"

namespace cuecard {

/// Called after each step; `dev` is NaN except after an evaluation on the development set. Returns false to
/// stop.
using Progress = std::function<bool(int64_t step, int64_t steps, double loss, double dev)>;

/// The result of turning the examples of a task into prompts.
struct PreparedExamples {
  std::vector<SkippedExample> skipped_train, skipped_dev;
  CutExamples cut_train, cut_dev; ///< of those that are used
};

/// Called once before training, with that result for each task. May throw to reject the examples.
using OnPrepared = std::function<void(std::size_t task, const PreparedExamples&)>;

/// One task of a run. All pipelines of a run share one tuner and are its tasks, in this order.
struct TaskToTrain {
  TaskPipeline& pipeline;
  const std::vector<Example>& train;
  const std::vector<Example>& dev; ///< may be empty
  /// To find before training whether its card can be loaded (`try_card`); null: only whether it can be written.
  const registry::Registry* plugins = nullptr;
};

/// Where a run saves its state, so that it ends with bitwise identical results when it is killed and started
/// again.
struct Checkpointing {
  std::filesystem::path directory; ///< empty: nowhere
  int64_t every = 0; ///< steps; the state is also written after each evaluation on the development set
  std::function<void(const std::string&)> on_remark = {}; ///< receives RunLock::remark, if there is one
};

/// Copies of the components' states at an evaluation, on the CPU: the best one at which all of them could be read.
struct KeptStates {
  int64_t step = 0;
  double dev = std::nan("");          ///< mean metric over tasks; NaN: there is no development set
  std::vector<ComponentStates> tasks; ///< empty: there is none
};

struct TrainResult {
  FitReport report;
  std::vector<double> dev;   ///< by task: its metric on the development set after training; NaN: unknown
  Counters counters;         ///< of all passes: calibration, training, evaluations on the development set
  double seconds = 0;        ///< of all this, tokenization and the processes before a resumed one included
  int64_t examples_seen = 0; ///< examples forwarded for training, in all these processes
  std::vector<int64_t> dev_examples; ///< by task: development examples in each evaluation
  KeptStates
      kept; ///< for a card, should `fit`, or `state` after it, fail; none with a checkpoint, from which the run resumes
  bool fit_failed = false; ///< the cards hold the kept states
  /// Why the verbalizers could not be fitted after training; "" if they were.
  std::string verbalizer_failure;
  /// What `report.failure` is about: `plugin`, or `data` for all others.
  Error::Kind failure_kind = Error::Kind::data;
  bool resumable = false; ///< a checkpoint of this run was written, here or before
};

/// The card of task `task`. If `fit` or a component's `state` failed, the card holds the kept states instead, and the result's failure
/// and metrics say so; throws if there are none.
Card trained_card(const TaskPipeline& pipeline, const Model& model, std::size_t task, TrainResult& result);

/// Trains the pipelines in place, with early stopping on the development set. On return they hold the best
/// state found, even if the run was stopped; only if the tuner's `fit` failed it is in the result alone
/// (`trained_card`). DataError when a task has no usable training example. The
/// checkpoint remains until `remove_checkpoint`, because the caller has yet to save the result.
///
/// With several ranks each calls this with the same arguments, and all of them get the same result but for rounding, the counters of all
/// ranks in it. Examples for training and for evaluation are shared out; only the first rank has a checkpoint. `progress` is
/// called on every rank, and one that wants to stop stops all. Error on all others when a rank is lost.
TrainResult train(const Model& model, const std::vector<TaskToTrain>& tasks, const FitRequest& request,
                  uint64_t seed, const Progress& progress = {}, const OnPrepared& on_prepared = {},
                  const Checkpointing& checkpointing = {}, const RankPlace& place = {});

/// Calibrates and fits the verbalizer without gradients, as its options request: the first and the last step of
/// `train`, and all of it for a pipeline that needs no training examples. `dev`: the development set, after training.
Counters fit_verbalizer(const Model& model, TaskPipeline& pipeline, const std::vector<const Example*>& train,
                        const PredictSettings& settings = {},
                        VerbalizerFitArgs::Moment moment = VerbalizerFitArgs::Moment::before_training,
                        const std::vector<const Example*>& dev = {});

} // namespace cuecard
