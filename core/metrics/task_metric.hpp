/// The metrics that a task file may name, on what a method predicted.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "metrics/f1.hpp"

namespace cuecard {

/// Labels of a data set: one per row, or a list per row where words have labels of their own. -1: unknown
/// among gold labels, none among predicted ones.
struct Labelled {
  std::vector<std::string> labels; ///< their names
  std::vector<std::vector<int64_t>> predicted, gold;
};

struct MetricValue {
  double value = 0;                                 ///< higher is better
  Found all;                                        ///< of labels or entities; nothing for accuracy
  std::vector<std::pair<std::string, Found>> parts; ///< by label or type of entity
};

/// accuracy, macro-f1, micro-f1, entity-f1.
const std::vector<std::string>& metric_names();

/// Why `metric` can't measure labels of these names, or "": entity-f1 reads tags of words.
std::string unfit_metric(const std::string& metric, const std::vector<std::string>& labels, bool of_words);

/// std::logic_error for a name that is none of `metric_names`.
MetricValue measure(const std::string& metric, const Labelled& rows);

} // namespace cuecard
