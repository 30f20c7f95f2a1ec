/// One run of training, from flags to cards: what `train` and `compare` share.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "card/card.hpp"
#include "engine/train.hpp"
#include "host/training_task.hpp"
#include "host/values.hpp"

namespace cuecard::host {

/// How long and how fast, as the flags say it.
FitSettings settings_of(const Values& values);

struct RunChoice {
  std::string tuner;
  std::vector<std::pair<std::string, std::string>> set; ///< as typed after `--set`
  uint64_t seed = 0;
  std::optional<Card> from;         ///< learning goes on from what this card learned
  std::filesystem::path checkpoint; ///< empty: none
  std::string title = "train";      ///< of the progress bar
};

/// What a run came to: one card for each task, in their order.
struct TrainedRun {
  uint64_t seed = 0;
  std::vector<Card> cards;
  std::vector<int64_t> parameters; ///< learned, by card
  TrainResult result;
};

/// Learns one tuner over `tasks`; their `rows.unusable` is filled in.
TrainedRun run_training(const Model& model, const registry::Registry& plugins, std::vector<TrainingTask>& tasks,
                        const RunChoice& choice, const Values& values);

/// Numbers of the frozen model.
int64_t frozen_parameters(const Model& model);

} // namespace cuecard::host
