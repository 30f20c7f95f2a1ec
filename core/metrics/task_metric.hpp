/// The metrics that a task file may name, on what a method predicted.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "metrics/f1.hpp"
#include "metrics/text_metrics.hpp"

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

/// What a method predicts: a label for each row, one for each word, or a text.
enum class Predicts { labels, words, texts };

/// accuracy, macro-f1, micro-f1, entity-f1; of texts exact-match, bleu, rouge-l, chrf, squad-em, squad-f1.
const std::vector<std::string>& metric_names();
/// Those of texts.
const std::vector<std::string>& text_metric_names();
/// Whether it is the share of rows that are right, which Wilson's interval is about.
inline bool is_share(const std::string& metric) {
  return metric == "accuracy" || metric == "exact-match" || metric == "squad-em";
}
/// What is measured where nobody names a metric.
std::string default_metric(Predicts predicts);

/// Why `metric` can't measure what is predicted, labels of these names or texts; or "".
std::string unfit_metric(const std::string& metric, const std::vector<std::string>& labels, Predicts predicts);

/// std::logic_error for a name that is none of `metric_names`, or of texts.
MetricValue measure(const std::string& metric, const Labelled& rows);
/// std::logic_error for a name that is none of `text_metric_names`.
double measure(const std::string& metric, const WrittenTexts& rows);
/// Every metric of texts, by name.
std::map<std::string, double> all_text_metrics(const WrittenTexts& rows);

} // namespace cuecard
