/// The examples that `compare` evaluates cards on, and the evaluation of one card.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "card/card.hpp"
#include "data/formats/readers.hpp"
#include "engine/model.hpp"
#include "host/output/cut_message.hpp"
#include "host/runs/task_data.hpp"
#include "metrics/task_metric.hpp"
#include "registry/registry.hpp"

namespace cuecard::host {

struct ComparedRows {
  std::vector<Example> examples;
  RecordReport report;
};

/// The task's test set, or its development set if it has no test set; DataError if it has neither.
ComparedRows read_compared_rows(const TaskData& task, const ReadSettings& settings);

struct ComparedCard {
  std::string metric;
  double value = 0;
  std::map<std::string, double> by_metric; ///< where texts are predicted: every text metric
  int64_t n = 0, skipped = 0;
  CutExamples cut;     ///< of the examples evaluated
  CutContext context;  ///< for messages about them
  bool of_rows = true; ///< false where words are labelled: words of one sentence are not independent samples
  LabelPredictions labelled; ///< where an example has one label; empty where words or texts are predicted
};

/// Evaluates the card as it would be loaded, with `metric` if the task names one. Throws Cancelled when it is
/// stopped.
ComparedCard compare_card(const Model& model, const registry::Registry& plugins, const Card& card,
                          const std::string& metric, const ComparedRows& rows);

} // namespace cuecard::host
