#include "host/measured_card.hpp"

#include <algorithm>
#include <cmath>

#include "metrics/metrics.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard::host {

namespace {

/// What a person reads of a row: its texts in the order of their names.
std::string text_of(const Example& example) {
  std::string text;
  for (const auto& [name, value] : example.fields)
    text += (text.empty() ? "" : " / ") + value;
  return text;
}

/// All labels of all rows.
std::vector<int64_t> joined(const std::vector<std::vector<int64_t>>& rows) {
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& row : rows)
    all.insert(all.end(), row.begin(), row.end());
  return all;
}

/// Rows, or words, that both cards labelled.
PairedComparison against(const MeasuredCard& card, const MeasuredCard& other) {
  std::vector<int64_t> first, second;
  for (const auto& [place, correct] : card.correct())
    if (const auto found = other.correct().find(place); found != other.correct().end()) {
      first.push_back(correct);
      second.push_back(found->second);
    }
  return compare(first, second, std::vector<int64_t>(first.size(), 1));
}

Json as_json(const Found& found) {
  return {{"precision", found.precision()}, {"recall", found.recall()},     {"f1", found.f1()},
          {"correct", found.correct},       {"predicted", found.predicted}, {"gold", found.gold}};
}

/// What the metric's value is made of.
void add_parts(Json& object, const std::string& metric, const MetricValue& measured) {
  if (metric == "accuracy")
    return;
  if (metric == "entity-f1") {
    object["precision"] = measured.all.precision();
    object["recall"] = measured.all.recall();
  }
  Json& parts = object[metric == "entity-f1" ? "types" : "by_label"] = Json::object();
  for (const auto& [name, found] : measured.parts)
    parts[name] = as_json(found);
}

void add_interval(Json& object, int64_t correct, int64_t total) {
  const Interval interval = wilson95(correct, total);
  object["ci95"] = {interval.low, interval.high};
}

/// What is known of labels, or of texts, whatever the metric.
void add_measures(Json& object, const MeasuredCard& measured) {
  const Method& method = measured.method();
  if (method.predicts() == Predicts::texts) {
    const int64_t exact = std::ranges::count_if(measured.correct(), [](const auto& row) { return row.second; });
    object["correct"] = exact;
    add_interval(object, exact, measured.rows().size());
    object["by_metric"] = all_text_metrics(measured.rows().written());
    return;
  }
  const std::vector<int64_t> predicted = joined(measured.rows().labelled().predicted),
                             gold = joined(measured.rows().labelled().gold);
  const Accuracy result = accuracy(predicted, gold);
  object["accuracy"] = result.value();
  object["correct"] = result.correct;
  if (method.labels_words()) // words of one sentence are no independent draws: no interval
    object["words"] = result.total;
  else
    add_interval(object, result.correct, result.total);
  object["labels"] = method.labels;
  object["confusion"] = confusion(predicted, gold, std::ssize(method.labels));
}

} // namespace

void MeasuredCard::add(const Example& example, const Prediction& prediction) {
  const std::vector<bool> right = rows_.add(example, prediction);
  for (std::size_t word = 0; word < right.size(); ++word)
    correct_[{example.line, word}] = right[word];
  add_mistakes(example, prediction, right);
}

void MeasuredCard::add_mistakes(const Example& example, const Prediction& prediction,
                                const std::vector<bool>& right) {
  if (method_.predicts() == Predicts::texts) {
    if (!right.at(0))
      mistakes_.push_back({example.line, rows_.written().references.back().front(), prediction.decision.text,
                           std::nan(""), text_of(example)});
    return;
  }
  const std::vector<int64_t>&gold = rows_.labelled().gold.back(),
        &predicted = rows_.labelled().predicted.back();
  const auto name = [&](int64_t label) {
    return label < 0 ? std::string() : method_.labels[static_cast<std::size_t>(label)];
  };
  const std::vector<double>& probabilities = prediction.decision.probabilities;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (right[i])
      continue;
    const bool known = predicted[i] >= 0 && probabilities.size() == method_.labels.size();
    mistakes_.push_back({example.line, name(gold[i]), name(predicted[i]),
                         known ? probabilities[static_cast<std::size_t>(predicted[i])] : std::nan(""),
                         method_.labels_words() ? example.words.find(method_.target.reading.field)->second.at(i)
                                                : text_of(example)});
  }
}

std::vector<Mistake> MeasuredCard::worst_mistakes(int64_t count) const {
  std::vector<Mistake> worst = mistakes_;
  const auto sureness = [](const Mistake& mistake) {
    return std::isnan(mistake.probability) ? 0 : mistake.probability;
  };
  std::ranges::stable_sort(worst, std::ranges::greater(), sureness);
  worst.resize(std::min(worst.size(), static_cast<std::size_t>(count)));
  return worst;
}

Json as_json(const MeasuredCard& measured, const MeasuredPass& pass, int64_t mistakes,
             const MeasuredCard* first) {
  const Method& method = measured.method();
  const int64_t rows = measured.rows().size();
  const MetricValue value = measured.rows().value();
  Json object{{"card", method.name}, {"n", rows}, {"metric", method.metric}, {"value", value.value}};
  add_measures(object, measured);
  if (method.predicts() != Predicts::texts)
    add_parts(object, method.metric, value);
  const Json more{
      {"skipped", std::ssize(measured.report().skipped)},
      {"seconds", pass.seconds},
      {"examples_per_second", finite(static_cast<double>(rows) / pass.seconds)},
      {"tokens_per_second", finite(static_cast<double>(pass.counters.rows_forwarded) / pass.seconds)},
      {"data", measured.report().file},
      {"data_sha256", measured.report().sha256}};
  object.update(more);
  if (first) {
    const PairedComparison pair = against(measured, *first);
    object["versus"] = {{"card", first->method().name},
                        {"only_this", pair.only_first},
                        {"only_other", pair.only_second},
                        {"p_value", pair.p_value}};
  }
  Json& worst = object["mistakes"] = Json::array();
  for (const Mistake& mistake : measured.worst_mistakes(mistakes))
    worst.push_back({{"line", mistake.line},
                     {"gold", mistake.gold},
                     {"predicted", mistake.predicted},
                     {"probability", finite(mistake.probability)},
                     {"text", mistake.text}});
  add_counters(object, pass.counters);
  return object;
}

} // namespace cuecard::host
