/// Learns cards: the engine behind `Tuner::fit`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <cuecard/tuner.hpp>

#include "engine/counters.hpp"
#include "engine/method.hpp"
#include "engine/predictor.hpp"
#include "engine/training_rows.hpp"

namespace cuecard {

/// Called after each step; `dev` is NaN between looks at the dev rows. Returns false to stop.
using Progress = std::function<bool(int64_t step, int64_t steps, double loss, double dev)>;

struct UnusableRows {
  std::vector<UnusableRow> train, dev;
};

/// Told once for each task which rows are left out, before anything is learned. May throw to refuse them.
using LeftOut = std::function<void(std::size_t task, const UnusableRows&)>;

/// One task of a run. All methods of a run share one tuner, and are its tasks in this order.
struct TrainTask {
  Method& method;
  const std::vector<Example>& train;
  const std::vector<Example>& dev; ///< may be empty
};

/// Where a run that may be killed is kept, so that it ends with the same bits when it is started again.
struct Checkpointing {
  std::filesystem::path directory; ///< empty: nowhere
  int64_t every = 0;               ///< steps; a state is written after every look at the dev rows in any case
};

struct TrainResult {
  FitReport report;
  std::vector<double> dev;       ///< by task: its metric on dev rows as it now stands; NaN: unknown
  Counters counters;             ///< of all passes: calibration, training, looks at the dev rows
  double seconds = 0;            ///< of the same, and of making token rows
  int64_t examples_seen = 0;     ///< examples forwarded for training
  std::vector<int64_t> dev_rows; ///< by task: dev rows that each look measures
};

/// Trains the methods in place, with early stopping on dev rows. On return they hold the best that was found,
/// also when it was stopped. DataError when a task has no training row that can be used. A checkpoint stays
/// when it is done (`remove_checkpoint`): the caller still has to keep what was learned.
TrainResult train(const Model& model, const std::vector<TrainTask>& tasks, const FitSettings& settings,
                  uint64_t seed, const Progress& progress = {}, const LeftOut& left_out = {},
                  const Checkpointing& checkpointing = {});

/// Calibrates and fits the verbalizer without gradients, as its options ask: the first and last step of
/// `train`, and all of it for a method that learns from no rows.
Counters fit_verbalizer(const Model& model, Method& method, const std::vector<const Example*>& train,
                        const PredictSettings& settings = {},
                        Verbalizer::Moment moment = Verbalizer::Moment::before_training);

} // namespace cuecard
