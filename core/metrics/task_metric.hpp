/// The metrics of task files, computed from predictions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "metrics/f1.hpp"
#include "metrics/text_metrics.hpp"

namespace cuecard {

/// Predicted and gold labels of a data set: one list per example, of one label, of one label per word, or of all
/// labels that it has. -1 is an unknown gold label or a missing prediction.
struct LabelPredictions {
  std::vector<std::string> labels; ///< label names
  std::vector<std::vector<int64_t>> predicted, gold;
  bool sets = false;     ///< the lists are sets of labels, ascending
  int64_t negative = -1; ///< the label that micro-f1 and macro-f1 leave out; -1: none
};

struct MetricValue {
  double value = 0; ///< higher is better
  F1Counts all;     ///< summed over labels or entity types; empty for accuracy
  std::vector<std::pair<std::string, F1Counts>> parts; ///< per label or entity type
};

/// What a pipeline predicts: one label per example, any number of them, one label per word, or a text.
enum class Predicts { labels, label_sets, words, texts };

/// Label metrics accuracy, macro-f1, micro-f1, samples-f1 and entity-f1, and all of `text_metric_names`.
const std::vector<std::string>& metric_names();
/// exact-match, bleu, rouge-l, chrf, squad-em, squad-f1.
const std::vector<std::string>& text_metric_names();
/// Whether `metric` is a proportion of correct examples, for which `wilson95` is defined.
inline bool is_proportion(const std::string& metric) {
  return metric == "accuracy" || metric == "exact-match" || metric == "squad-em";
}
/// The metric used when the task file names none.
std::string default_metric(Predicts predicts);

/// Why `metric` can't evaluate such predictions; empty when it can.
std::string metric_mismatch(const std::string& metric, const std::vector<std::string>& labels,
                            Predicts predicts);

/// Throws std::logic_error unless `metric` is a label metric.
MetricValue measure(const std::string& metric, const LabelPredictions& predictions);
/// Throws std::logic_error unless `metric` is in `text_metric_names`.
double measure(const std::string& metric, const GeneratedTexts& generated);
/// All text metrics, by name.
std::map<std::string, double> all_text_metrics(const GeneratedTexts& generated);

} // namespace cuecard
