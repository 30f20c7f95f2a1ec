/// The rows that `compare` measures its methods on, and what a method's card is worth there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "card/card.hpp"
#include "data/readers.hpp"
#include "engine/model.hpp"
#include "host/training_task.hpp"
#include "metrics/task_metric.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

struct ComparedRows {
  std::vector<Example> examples;
  RowReport report;
};

/// The task's test rows, or its development rows where it has none; a DataError where it has neither.
ComparedRows read_compared_rows(const TrainingTask& task, bool strict);

struct ComparedCard {
  std::string metric;
  double value = 0;
  std::map<std::string, double> by_metric; ///< where texts are predicted: every metric of texts
  int64_t n = 0, skipped = 0;
  bool of_rows = true; ///< not of words: those of one sentence are no independent draws
  Labelled labelled;   ///< of single labels; no rows where words or texts are predicted
};

/// Measures the card as it would be loaded, by `metric` where the task names one. Throws Cancelled when it was
/// stopped.
ComparedCard compare_card(const Model& model, const registry::Registry& plugins, const Card& card,
                          const std::string& metric, const ComparedRows& rows);

} // namespace cuecard::host
