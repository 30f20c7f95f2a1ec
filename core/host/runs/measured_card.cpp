#include "host/runs/measured_card.hpp"
#include "engine/predict/prompt_json.hpp"

#include <algorithm>
#include <cmath>

#include "data/text_fields.hpp"
#include "engine/tokenized_example.hpp"
#include "host/input/input_rows.hpp"
#include "host/output/card_choices.hpp"
#include "metrics/calibration.hpp"
#include "metrics/f1.hpp"
#include "metrics/metrics.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard::host {

namespace {

/// The fields of an example in the template's order, then the others, as one text.
std::string text_of(const Example& example, const TaskPipeline& pipeline) {
  std::vector<std::string> names = text_fields(pipeline.prompt_template->fields());
  for (const auto& [name, value] : example.fields)
    if (std::ranges::find(names, name) == names.end())
      names.push_back(name);
  std::string text;
  for (const std::string& name : names)
    if (const auto found = example.fields.find(name); found != example.fields.end())
      text += (text.empty() ? "" : " / ") + found->second;
  return text;
}

/// The tokens of an example that the model read, as `render` shows them.
Json tokens_of(const Example& example, const TaskPipeline& pipeline, const Model& model) {
  if (pipeline.tuner->wants_representation()) // the prompt depends on more than the example
    return nullptr;
  const TokenizedPrompt prompt = tokenized(pipeline, model, example).at(0);
  return rendered(prompt.input, model.vocabulary()).tokens;
}

Json as_json(const Mistake& mistake, const TaskPipeline& pipeline, const Model& model) {
  Json object{{"line", mistake.example->line}};
  if (!mistake.example->id.empty())
    object["id"] = mistake.example->id;
  object["gold"] = mistake.gold;
  object["predicted"] = mistake.predicted;
  object["probability"] = finite(mistake.probability);
  object["text"] = mistake.text;
  object["tokens"] = tokens_of(*mistake.example, pipeline, model);
  return object;
}

/// The calibration of a card whose verbalizer gives probabilities.
void add_calibration(Json& object, const std::vector<std::pair<double, bool>>& confidences) {
  if (confidences.empty())
    return;
  const Calibration found = calibration(confidences);
  Json bins = Json::array();
  for (const CalibrationBin& bin : found.bins)
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"n", bin.n},
                    {"confidence", bin.confidence},
                    {"accuracy", bin.accuracy}});
  object["calibration"] = {{"error", found.error}, {"bins", bins}};
}

/// The labels of all examples.
std::vector<int64_t> joined(const std::vector<std::vector<int64_t>>& examples) {
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& labels : examples)
    all.insert(all.end(), labels.begin(), labels.end());
  return all;
}

/// Compares two cards on the examples, or words, that both labelled.
PairedComparison against(const MeasuredCard& card, const MeasuredCard& other) {
  std::vector<int64_t> first, second;
  for (const auto& [place, correct] : card.correct())
    if (const auto found = other.correct().find(place); found != other.correct().end()) {
      first.push_back(correct);
      second.push_back(found->second);
    }
  return compare(first, second, std::vector<int64_t>(first.size(), 1));
}

/// Of the labels that are wrong, predicted or missing, the highest probability of the wrong decision.
double worst_label(const std::vector<int64_t>& gold, const std::vector<int64_t>& predicted,
                   const std::vector<double>& probabilities) {
  double worst = 0;
  for (std::size_t label = 0; label < probabilities.size(); ++label) {
    const auto has = [&](const std::vector<int64_t>& labels) {
      return std::ranges::binary_search(labels, static_cast<int64_t>(label));
    };
    if (has(gold) != has(predicted))
      worst = std::max(worst, has(predicted) ? probabilities[label] : 1 - probabilities[label]);
  }
  return worst;
}

Json as_json(const F1Counts& found) {
  return {{"precision", found.precision()}, {"recall", found.recall()},     {"f1", found.f1()},
          {"correct", found.correct},       {"predicted", found.predicted}, {"gold", found.gold}};
}

/// Adds the parts of the metric's value.
void add_parts(Json& object, const std::string& metric, const MetricValue& measured) {
  if (metric == "accuracy" || metric == "samples-f1")
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

/// Adds SQuAD's EM and F1 of the questions with and without an answer, where some have none.
void add_by_answer(Json& object, const GeneratedTexts& written) {
  const ByAnswer parts = by_answer(written);
  if (parts.no_answer.texts.empty())
    return;
  for (const auto& [name, part] : {std::pair("has_answer", &parts.has_answer), {"no_answer", &parts.no_answer}})
    if (!part->texts.empty())
      object["by_answer"][name] = {
          {"n", std::ssize(part->texts)}, {"squad-em", squad_em(*part)}, {"squad-f1", squad_f1(*part)}};
}

/// Adds what is reported of labels, or of texts, whatever the metric.
void add_measures(Json& object, const MeasuredCard& measured) {
  const TaskPipeline& pipeline = measured.pipeline();
  if (pipeline.predicts() == Predicts::texts) {
    const int64_t exact = std::ranges::count_if(measured.correct(), [](const auto& row) { return row.second; });
    object["correct"] = exact;
    add_interval(object, exact, measured.rows().size());
    object["by_metric"] = all_text_metrics(measured.rows().written());
    add_by_answer(object, measured.rows().written());
    return;
  }
  if (pipeline.predicts() == Predicts::label_sets) {
    const LabelPredictions& rows = measured.rows().labelled();
    const int64_t correct =
        std::ranges::count_if(measured.correct(), [](const auto& row) { return row.second; });
    object["accuracy"] = subset_accuracy(rows.predicted, rows.gold);
    object["correct"] = correct;
    add_interval(object, correct, measured.rows().size());
    object["labels"] = pipeline.labels;
    for (const char* metric : {"micro-f1", "macro-f1", "samples-f1", "accuracy"})
      object["by_metric"][metric] = measure(metric, rows).value;
    return;
  }
  const std::vector<int64_t> predicted = joined(measured.rows().labelled().predicted),
                             gold = joined(measured.rows().labelled().gold);
  const Accuracy result = accuracy(predicted, gold);
  object["accuracy"] = result.value();
  object["correct"] = result.correct;
  if (pipeline.labels_words()) // words of one sentence are not independent samples: no interval
    object["words"] = result.total;
  else
    add_interval(object, result.correct, result.total);
  object["labels"] = pipeline.labels;
  object["confusion"] = confusion(predicted, gold, std::ssize(pipeline.labels));
}

} // namespace

void MeasuredCard::add(const Example& example, const Prediction& prediction) {
  cut_.add(prediction.cut);
  const std::vector<bool> right = rows_.add(example, prediction);
  for (std::size_t word = 0; word < right.size(); ++word)
    correct_[{example.line, word}] = right[word];
  add_mistakes(example, prediction, right);
}

void MeasuredCard::add_mistakes(const Example& example, const Prediction& prediction,
                                const std::vector<bool>& right) {
  if (pipeline_.predicts() == Predicts::texts) {
    if (!right.at(0))
      mistakes_.push_back({std::make_shared<Example>(example), rows_.written().references.back().front(),
                           prediction.decision.text, std::nan(""), text_of(example, pipeline_)});
    return;
  }
  const std::vector<int64_t>&gold = rows_.labelled().gold.back(),
        &predicted = rows_.labelled().predicted.back();
  const auto name = [&](int64_t label) {
    return label < 0 ? std::string() : pipeline_.labels[static_cast<std::size_t>(label)];
  };
  const std::vector<double>& probabilities = prediction.decision.probabilities;
  const auto shared = std::make_shared<const Example>(example);
  if (pipeline_.predicts() == Predicts::label_sets) {
    const auto names = [&](const std::vector<int64_t>& labels) {
      std::string list;
      for (const int64_t label : labels)
        list += (list.empty() ? "" : ", ") + name(label);
      return list;
    };
    if (!right.at(0))
      mistakes_.push_back({shared, names(gold), names(predicted), worst_label(gold, predicted, probabilities),
                           text_of(example, pipeline_)});
    return;
  }
  for (std::size_t i = 0; i < gold.size(); ++i) {
    const bool known = predicted[i] >= 0 && probabilities.size() == pipeline_.labels.size();
    if (known && !pipeline_.labels_words())
      confidences_.emplace_back(probabilities[static_cast<std::size_t>(predicted[i])], right[i]);
    if (right[i])
      continue;
    mistakes_.push_back({shared, name(gold[i]), name(predicted[i]),
                         known ? probabilities[static_cast<std::size_t>(predicted[i])] : std::nan(""),
                         pipeline_.labels_words()
                             ? example.words.find(pipeline_.layout.positions.field)->second.at(i)
                             : text_of(example, pipeline_)});
  }
}

std::vector<Mistake> MeasuredCard::worst_mistakes(int64_t count) const {
  std::vector<Mistake> worst = mistakes_;
  const auto confidence = [](const Mistake& mistake) {
    return std::isnan(mistake.probability) ? 0 : mistake.probability;
  };
  std::ranges::stable_sort(worst, std::ranges::greater(), confidence);
  worst.resize(std::min(worst.size(), static_cast<std::size_t>(count)));
  return worst;
}

Json as_json(const MeasuredCard& measured, const MeasuredPass& pass, int64_t mistakes,
             const MeasuredCard* first, const Model& model) {
  const TaskPipeline& pipeline = measured.pipeline();
  const int64_t rows = measured.rows().size();
  const MetricValue value = measured.rows().value();
  Json object{{"card", pipeline.name}, {"n", rows}, {"metric", pipeline.metric}, {"value", value.value}};
  add_measures(object, measured);
  if (pipeline.predicts() != Predicts::texts)
    add_parts(object, pipeline.metric, value);
  const Json more{
      {"skipped", std::ssize(measured.report().skipped)},
      {"seconds", pass.seconds},
      {"examples_per_second", finite(static_cast<double>(rows) / pass.seconds)},
      {"tokens_per_second", finite(static_cast<double>(pass.counters.tokens_forwarded) / pass.seconds)},
      {"data", measured.report().file},
      {"data_sha256", measured.report().sha256}};
  object.update(more);
  add_cut(object, measured.cut());
  add_calibration(object, measured.confidences());
  object["tuner"] = pipeline.record.tuner.component;
  add_choices(object, pipeline.record);
  if (first) {
    const PairedComparison pair = against(measured, *first);
    object["versus"] = {{"card", first->pipeline().name},
                        {"only_this", pair.only_first},
                        {"only_other", pair.only_second},
                        {"p_value", pair.p_value}};
  }
  Json& worst = object["mistakes"] = Json::array();
  for (const Mistake& mistake : measured.worst_mistakes(mistakes))
    worst.push_back(as_json(mistake, pipeline, model));
  add_counters(object, pass.counters);
  return object;
}

} // namespace cuecard::host
