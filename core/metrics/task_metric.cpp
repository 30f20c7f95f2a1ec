#include "metrics/task_metric.hpp"

#include <algorithm>
#include <stdexcept>

#include "metrics/metrics.hpp"

namespace cuecard {

namespace {

std::vector<int64_t> flattened(const std::vector<std::vector<int64_t>>& examples) {
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& example : examples)
    all.insert(all.end(), example.begin(), example.end());
  return all;
}

/// Labels as tag names; words without a label count as O.
std::vector<std::vector<std::string>> to_tags(const std::vector<std::vector<int64_t>>& examples,
                                              const std::vector<std::string>& labels) {
  std::vector<std::vector<std::string>> tags;
  for (const std::vector<int64_t>& example : examples) {
    tags.emplace_back();
    for (const int64_t label : example)
      tags.back().push_back(label < 0 ? "O" : labels.at(static_cast<std::size_t>(label)));
  }
  return tags;
}

MetricValue label_f1(const LabelPredictions& predictions, double (*average)(const std::vector<F1Counts>&)) {
  const int64_t labels = std::ssize(predictions.labels);
  const std::vector<F1Counts> counts =
      predictions.sets ? count_label_sets(predictions.predicted, predictions.gold, labels)
                       : count_labels(flattened(predictions.predicted), flattened(predictions.gold), labels);
  MetricValue result;
  std::vector<F1Counts> averaged;
  for (int64_t label = 0; label < labels; ++label) {
    const F1Counts& of_label = counts[static_cast<std::size_t>(label)];
    result.parts.emplace_back(predictions.labels[static_cast<std::size_t>(label)], of_label);
    if (label == predictions.negative)
      continue;
    result.all += of_label;
    averaged.push_back(of_label);
  }
  result.value = average(averaged);
  return result;
}

/// Share of the examples whose label, or set of labels, is correct.
double label_accuracy(const LabelPredictions& predictions) {
  return predictions.sets ? subset_accuracy(predictions.predicted, predictions.gold)
                          : accuracy(flattened(predictions.predicted), flattened(predictions.gold)).value();
}

MetricValue entity_f1(const LabelPredictions& predictions) {
  MetricValue result;
  for (const auto& [type, counts] : count_entities(to_tags(predictions.predicted, predictions.labels),
                                                   to_tags(predictions.gold, predictions.labels))) {
    result.all += counts;
    result.parts.emplace_back(type, counts);
  }
  result.value = result.all.f1();
  return result;
}

} // namespace

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names{"accuracy",  "macro-f1",    "micro-f1", "samples-f1",
                                              "entity-f1", "exact-match", "bleu",     "rouge-l",
                                              "chrf",      "squad-em",    "squad-f1"};
  return names;
}

const std::vector<std::string>& text_metric_names() {
  static const std::vector<std::string> names{"exact-match", "bleu", "rouge-l", "chrf", "squad-em", "squad-f1"};
  return names;
}

std::string default_metric(Predicts predicts) {
  if (predicts == Predicts::label_sets)
    return "micro-f1";
  return predicts == Predicts::texts ? "exact-match" : "accuracy";
}

std::string metric_mismatch(const std::string& metric, const std::vector<std::string>& labels,
                            Predicts predicts) {
  const bool of_texts = std::ranges::find(text_metric_names(), metric) != text_metric_names().end();
  if (of_texts != (predicts == Predicts::texts))
    return "the metric \"" + metric + "\" measures " +
           (of_texts ? "texts, but the verbalizer predicts labels; use \"accuracy\" or \"macro-f1\", or a "
                       "verbalizer that predicts texts"
                     : "labels, but the verbalizer predicts texts; use \"exact-match\", \"bleu\", "
                       "\"rouge-l\", \"chrf\" or \"squad-f1\"");
  if (metric == "samples-f1" && predicts != Predicts::label_sets)
    return "the metric \"samples-f1\" measures several labels per example, and the task gives one (no "
           "\"multi_label\"); use \"accuracy\" or \"macro-f1\"";
  if (metric != "entity-f1")
    return "";
  if (predicts != Predicts::words)
    return "the metric \"entity-f1\" measures word labels, but the verbalizer labels whole examples; use "
           "\"accuracy\" or \"macro-f1\", or a verbalizer that labels words";
  for (const std::string& label : labels)
    if (!is_entity_tag(label))
      return "the metric \"entity-f1\" needs labels such as B-PER, I-PER and O, but one is \"" + label +
             "\"; rename the labels, or use \"macro-f1\"";
  return "";
}

MetricValue measure(const std::string& metric, const LabelPredictions& predictions) {
  if (metric == "accuracy") {
    MetricValue result;
    result.value = label_accuracy(predictions);
    return result;
  }
  if (metric == "samples-f1") {
    MetricValue result;
    result.value = samples_f1(predictions.predicted, predictions.gold);
    return result;
  }
  if (metric == "macro-f1")
    return label_f1(predictions, predictions.sets ? mean_f1 : macro_f1);
  if (metric == "micro-f1")
    return label_f1(predictions, micro_f1);
  if (metric == "entity-f1")
    return entity_f1(predictions);
  throw std::logic_error("unknown label metric: " + metric);
}

double measure(const std::string& metric, const GeneratedTexts& generated) {
  if (metric == "exact-match")
    return exact_match(generated);
  if (metric == "bleu")
    return bleu(generated);
  if (metric == "rouge-l")
    return rouge_l(generated);
  if (metric == "chrf")
    return chrf(generated);
  if (metric == "squad-em")
    return squad_em(generated);
  if (metric == "squad-f1")
    return squad_f1(generated);
  throw std::logic_error("unknown text metric: " + metric);
}

std::map<std::string, double> all_text_metrics(const GeneratedTexts& generated) {
  std::map<std::string, double> values;
  for (const std::string& metric : text_metric_names())
    values[metric] = measure(metric, generated);
  return values;
}

} // namespace cuecard
