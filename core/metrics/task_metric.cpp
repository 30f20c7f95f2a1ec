#include "metrics/task_metric.hpp"

#include <stdexcept>

#include "metrics/metrics.hpp"

namespace cuecard {

namespace {

std::vector<int64_t> joined(const std::vector<std::vector<int64_t>>& rows) {
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& row : rows)
    all.insert(all.end(), row.begin(), row.end());
  return all;
}

/// A word that nothing is known of is outside of every entity.
std::vector<std::vector<std::string>> as_tags(const std::vector<std::vector<int64_t>>& rows,
                                              const std::vector<std::string>& labels) {
  std::vector<std::vector<std::string>> tags;
  for (const std::vector<int64_t>& row : rows) {
    tags.emplace_back();
    for (const int64_t label : row)
      tags.back().push_back(label < 0 ? "O" : labels.at(static_cast<std::size_t>(label)));
  }
  return tags;
}

MetricValue of_labels(const Labelled& rows, double (*mean)(const std::vector<Found>&)) {
  const std::vector<Found> found =
      found_labels(joined(rows.predicted), joined(rows.gold), static_cast<int64_t>(rows.labels.size()));
  MetricValue result;
  result.value = mean(found);
  for (std::size_t label = 0; label < found.size(); ++label) {
    result.all += found[label];
    result.parts.emplace_back(rows.labels[label], found[label]);
  }
  return result;
}

MetricValue of_entities(const Labelled& rows) {
  MetricValue result;
  for (const auto& [type, found] :
       found_entities(as_tags(rows.predicted, rows.labels), as_tags(rows.gold, rows.labels))) {
    result.all += found;
    result.parts.emplace_back(type, found);
  }
  result.value = result.all.f1();
  return result;
}

} // namespace

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names{"accuracy", "macro-f1", "micro-f1", "entity-f1"};
  return names;
}

std::string unfit_metric(const std::string& metric, const std::vector<std::string>& labels, bool of_words) {
  if (metric != "entity-f1")
    return "";
  if (!of_words)
    return "the metric \"entity-f1\" measures labels of words, and the verbalizer gives each row one; use "
           "\"accuracy\" or \"macro-f1\", or a verbalizer that labels words";
  for (const std::string& label : labels)
    if (!is_entity_tag(label))
      return "the metric \"entity-f1\" reads labels such as B-PER, I-PER and O, and one is called \"" + label +
             "\"; name the labels so, or use \"macro-f1\"";
  return "";
}

MetricValue measure(const std::string& metric, const Labelled& rows) {
  if (metric == "accuracy") {
    MetricValue result;
    result.value = accuracy(joined(rows.predicted), joined(rows.gold)).value();
    return result;
  }
  if (metric == "macro-f1")
    return of_labels(rows, macro_f1);
  if (metric == "micro-f1")
    return of_labels(rows, micro_f1);
  if (metric == "entity-f1")
    return of_entities(rows);
  throw std::logic_error("no metric is called " + metric);
}

} // namespace cuecard
