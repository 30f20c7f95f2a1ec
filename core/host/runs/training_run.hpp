/// One training run, from flags to cards; used by `train` and `compare`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "card/card.hpp"
#include "engine/train/train.hpp"
#include "host/runs/task_data.hpp"
#include "program/values.hpp"

namespace cuecard::host {

/// The settings given by flags. UsageError if two of them contradict each other.
FitRequest requested(const Values& values);

/// The process that trains: the program, or one that embeds it.
struct TrainingHost {
  RankPlace place = {};
  /// Instead of a progress bar and Ctrl-C.
  Progress progress = {};
};

struct RunChoice {
  std::string tuner;
  std::vector<std::pair<std::string, std::string>> set; ///< as typed after `--set`
  uint64_t seed = 0;
  std::optional<Card> from;                  ///< training starts from this card's state
  std::filesystem::path checkpoint;          ///< empty: none
  std::vector<std::filesystem::path> places; ///< where the cards will be written, by task
  std::string title = "train";               ///< of the progress bar
  const char* after_crash = ""; ///< what the message of a crash adds once a step was done (say_after_crash)
  TrainingHost host = {};
};

/// The result of a run: one card per task, in their order.
struct TrainedRun {
  uint64_t seed = 0;
  std::vector<Card> cards;
  std::vector<int64_t> parameters; ///< trained parameters, by card
  /// Step and metric of each evaluation on the development set, mean over tasks.
  std::vector<std::pair<int64_t, double>> dev_curve;
  TrainResult result;
};

/// Trains one tuner on `tasks`; fills in their `examples.prepared`.
TrainedRun run_training(const Model& model, const registry::Registry& plugins, std::vector<TaskData>& tasks,
                        const RunChoice& choice, const Values& values);

/// Number of parameters of the frozen model.
int64_t frozen_parameters(const Model& model);

} // namespace cuecard::host
