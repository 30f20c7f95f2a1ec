#include "engine/train/dev_metric.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include <cuecard/error.hpp>

namespace cuecard {

std::vector<int64_t> gold_labels(const TaskPipeline& pipeline, const Example& example) {
  if (pipeline.predicts() == Predicts::label_sets) {
    if (example.label_set)
      return *example.label_set;
    throw DataError("it has no labels");
  }
  if (!pipeline.labels_words()) {
    if (example.label >= 0)
      return {pipeline.representative(example.label)};
    throw DataError(example.word_labels.empty()
                        ? "it has no label"
                        : "it has a list of labels, one for each word, but the verbalizer \"" +
                              pipeline.record.verbalizer.component + "\" predicts one label");
  }
  if (std::ranges::any_of(example.word_labels, [](int64_t label) { return label >= 0; }))
    return example.word_labels;
  throw DataError(example.label < 0 ? std::string("its words have no labels")
                                    : "it has a single label, but the verbalizer \"" +
                                          pipeline.record.verbalizer.component + "\" labels each word");
}

namespace {

std::vector<std::string> span_texts(const Example& example) {
  std::vector<std::string> texts;
  for (const Example::Span& span : example.spans)
    texts.push_back(
        example.fields.at(span.field)
            .substr(static_cast<std::size_t>(span.begin), static_cast<std::size_t>(span.end - span.begin)));
  return texts;
}

} // namespace

std::vector<std::string> references_of(const Example& example) {
  if (!example.references.empty())
    return example.references;
  if (example.unanswerable)
    return {""};
  if (!example.spans.empty())
    return span_texts(example);
  if (example.answers.empty())
    throw DataError("it has no reference text: name the column under \"data.answers\", "
                    "\"data.references\" or \"data.spans\" in the task file");
  std::string text; // answers of several slots are concatenated
  for (const std::string& answer : example.answers)
    text += (text.empty() ? "" : " ") + answer;
  return {text};
}

void require_answer(const TaskPipeline& pipeline, const Example& example) {
  if (pipeline.predicts() == Predicts::texts)
    references_of(example);
  else
    gold_labels(pipeline, example);
}

std::vector<Example> measured_inputs(const TaskPipeline& pipeline, std::vector<Example> examples) {
  if (pipeline.predicts() != Predicts::texts)
    return examples;
  std::vector<Example> inputs;
  std::map<
      std::tuple<decltype(Example::fields), decltype(Example::words), decltype(Example::meta), std::string>,
      std::size_t>
      known;
  for (Example& example : examples) {
    const auto [entry, inserted] =
        known.try_emplace({example.fields, example.words, example.meta, example.card}, inputs.size());
    if (inserted) {
      example.references = references_of(example);
      inputs.push_back(std::move(example));
      continue;
    }
    std::vector<std::string>& references = inputs[entry->second].references;
    for (const std::string& more : references_of(example))
      if (std::ranges::find(references, more) == references.end())
        references.push_back(more);
  }
  return inputs;
}

void require_metric(const TaskPipeline& pipeline) {
  const std::vector<std::string>& known = metric_names();
  if (std::ranges::find(known, pipeline.metric) == known.end())
    throw UsageError("the card \"" + pipeline.name + "\" was evaluated with the metric \"" + pipeline.metric +
                     "\", which this version of cuecard does not have; give a task file with another metric.");
  if (const std::string why = metric_mismatch(pipeline.metric, pipeline.labels, pipeline.predicts());
      !why.empty())
    throw UsageError(why + ".");
}

std::vector<bool> MetricAccumulator::add(const Example& example, const Prediction& prediction) {
  if (pipeline_.predicts() == Predicts::texts) {
    written_.texts.push_back(prediction.decision.text);
    written_.references.push_back(references_of(example));
    return {is_exact(written_.texts.back(), written_.references.back())};
  }
  const std::vector<int64_t> gold = gold_labels(pipeline_, example);
  std::vector<int64_t> predicted = prediction.decision.labels;
  std::vector<bool> right;
  if (labelled_.sets) {
    right.push_back(predicted == gold);
  } else {
    predicted.resize(gold.size(), -1); // for words removed by truncation
    for (std::size_t i = 0; i < gold.size(); ++i)
      right.push_back(predicted[i] == gold[i]);
  }
  labelled_.gold.push_back(gold);
  labelled_.predicted.push_back(std::move(predicted));
  return right;
}

int64_t MetricAccumulator::size() const {
  return std::ssize(labelled_.gold) + std::ssize(written_.texts);
}

MetricValue MetricAccumulator::value() const {
  if (pipeline_.predicts() == Predicts::texts)
    return {measure(pipeline_.metric, written_), {}, {}};
  return measure(pipeline_.metric, labelled_);
}

std::vector<Prediction> gathered(RankGroup& ranks, const std::vector<int64_t>& rank_of,
                                 const std::vector<Prediction>& mine) {
  if (!ranks.several())
    return mine;
  nlohmann::json rows = nlohmann::json::array(); // [labels, text]
  for (const Prediction& prediction : mine)
    rows.push_back({prediction.decision.labels, prediction.decision.text});
  const std::vector<uint8_t> packed = nlohmann::json::to_msgpack(rows); // texts may be of any bytes
  std::vector<nlohmann::json> all;
  for (const std::string& text : ranks.gather({packed.begin(), packed.end()}))
    all.push_back(nlohmann::json::from_msgpack(text));
  std::vector<std::size_t> next(all.size());
  std::vector<Prediction> predictions;
  for (const int64_t rank : rank_of) {
    const auto of = static_cast<std::size_t>(rank);
    const nlohmann::json& row = all[of].at(next[of]++);
    Prediction& prediction = predictions.emplace_back();
    prediction.decision.labels = row.at(0).get<std::vector<int64_t>>();
    prediction.decision.text = row.at(1).get<std::string>();
  }
  return predictions;
}

double dev_metric(const TaskPipeline& pipeline, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions) {
  MetricAccumulator rows(pipeline);
  for (std::size_t i = 0; i < examples.size(); ++i)
    rows.add(*examples[i], predictions[i]);
  return rows.value().value;
}

} // namespace cuecard
