#include "metrics/task_metric.hpp"

#include <algorithm>
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
  static const std::vector<std::string> names{"accuracy", "macro-f1", "micro-f1", "entity-f1", "exact-match",
                                              "bleu",     "rouge-l",  "chrf",     "squad-em",  "squad-f1"};
  return names;
}

const std::vector<std::string>& text_metric_names() {
  static const std::vector<std::string> names{"exact-match", "bleu", "rouge-l", "chrf", "squad-em", "squad-f1"};
  return names;
}

std::string default_metric(Predicts predicts) {
  return predicts == Predicts::texts ? "exact-match" : "accuracy";
}

std::string unfit_metric(const std::string& metric, const std::vector<std::string>& labels, Predicts predicts) {
  const bool of_texts = std::ranges::find(text_metric_names(), metric) != text_metric_names().end();
  if (of_texts != (predicts == Predicts::texts))
    return "the metric \"" + metric + "\" measures " +
           (of_texts ? "texts, and the verbalizer predicts labels; use \"accuracy\" or \"macro-f1\", or a "
                       "verbalizer that predicts texts"
                     : "labels, and the verbalizer predicts texts; use \"exact-match\", \"bleu\", "
                       "\"rouge-l\", \"chrf\" or \"squad-f1\"");
  if (metric != "entity-f1")
    return "";
  if (predicts != Predicts::words)
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
  throw std::logic_error("no metric of labels is called " + metric);
}

double measure(const std::string& metric, const WrittenTexts& rows) {
  if (metric == "exact-match")
    return exact_match(rows);
  if (metric == "bleu")
    return bleu(rows);
  if (metric == "rouge-l")
    return rouge_l(rows);
  if (metric == "chrf")
    return chrf(rows);
  if (metric == "squad-em")
    return squad_em(rows);
  if (metric == "squad-f1")
    return squad_f1(rows);
  throw std::logic_error("no metric of texts is called " + metric);
}

std::map<std::string, double> all_text_metrics(const WrittenTexts& rows) {
  std::map<std::string, double> values;
  for (const std::string& metric : text_metric_names())
    values[metric] = measure(metric, rows);
  return values;
}

} // namespace cuecard
