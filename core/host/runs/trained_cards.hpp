/// Training cards from the flags of `cuecard train`, for the program and for programs that embed it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "host/output/json_line.hpp"
#include "host/runs/training_run.hpp"
#include "program/values.hpp"

namespace cuecard::host {

/// The cards that a run wrote, and what to report about them.
struct TrainedCards {
  std::vector<Json> objects;  ///< what `--json` prints, by task
  Json seeds = Json::array(); ///< of the run of each seed
  std::vector<double> dev;    ///< best metric of each of them that was evaluated
  uint64_t best_seed = 0;     ///< that of the cards
  bool cancelled = false;
  std::filesystem::path
      place; ///< of the cards; the last one that could not be written where it belongs, if any
  int exit_code = 0;
};

/// Reads, trains, and writes the cards; a rank that does not write returns the same without having written anything. Removes the
/// checkpoints of a complete run.
TrainedCards train_cards(const Values& values, const TrainingHost& host = {});

} // namespace cuecard::host
