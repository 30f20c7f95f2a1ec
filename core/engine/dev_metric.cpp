#include "engine/dev_metric.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <cuecard/error.hpp>

namespace cuecard {

std::vector<int64_t> gold_labels(const Method& method, const Example& example) {
  if (!method.labels_words()) {
    if (example.label >= 0)
      return {example.label};
    throw DataError(example.word_labels.empty()
                        ? "it has no label"
                        : "it has a list of labels, one for each word, and the verbalizer \"" +
                              method.record.verbalizer.component + "\" chooses one for the row");
  }
  if (std::ranges::any_of(example.word_labels, [](int64_t label) { return label >= 0; }))
    return example.word_labels;
  throw DataError(example.label < 0 ? std::string("its words have no labels")
                                    : "it has one label for the row, and the verbalizer \"" +
                                          method.record.verbalizer.component + "\" gives one to each word");
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
  if (!example.spans.empty())
    return span_texts(example);
  if (example.answers.empty())
    throw DataError("it has no text to compare with: name the column under \"data.answers\", "
                    "\"data.references\" or \"data.spans\" in the task file");
  std::string text; // of several slots, in a row
  for (const std::string& answer : example.answers)
    text += (text.empty() ? "" : " ") + answer;
  return {text};
}

void require_answer(const Method& method, const Example& example) {
  if (method.predicts() == Predicts::texts)
    references_of(example);
  else
    gold_labels(method, example);
}

std::vector<Example> measured_inputs(const Method& method, std::vector<Example> rows) {
  if (method.predicts() != Predicts::texts)
    return rows;
  std::vector<Example> inputs;
  std::map<
      std::tuple<decltype(Example::fields), decltype(Example::words), decltype(Example::meta), std::string>,
      std::size_t>
      known;
  for (Example& row : rows) {
    const auto [place, fresh] = known.try_emplace({row.fields, row.words, row.meta, row.card}, inputs.size());
    if (fresh) {
      row.references = references_of(row);
      inputs.push_back(std::move(row));
      continue;
    }
    std::vector<std::string>& references = inputs[place->second].references;
    for (const std::string& more : references_of(row))
      if (std::ranges::find(references, more) == references.end())
        references.push_back(more);
  }
  return inputs;
}

void require_metric(const Method& method) {
  const std::vector<std::string>& known = metric_names();
  if (std::ranges::find(known, method.metric) == known.end())
    throw UsageError("the card \"" + method.name + "\" was measured by \"" + method.metric +
                     "\", which this version of cuecard doesn't know; give a task file with another metric.");
  if (const std::string why = unfit_metric(method.metric, method.labels, method.predicts()); !why.empty())
    throw UsageError(why + ".");
}

std::vector<bool> MeasuredRows::add(const Example& example, const Prediction& prediction) {
  if (method_.predicts() == Predicts::texts) {
    written_.texts.push_back(prediction.decision.text);
    written_.references.push_back(references_of(example));
    return {is_exact(written_.texts.back(), written_.references.back())};
  }
  const std::vector<int64_t> gold = gold_labels(method_, example);
  std::vector<int64_t> predicted = prediction.decision.labels;
  predicted.resize(gold.size(), -1); // words that were cut off
  std::vector<bool> right;
  for (std::size_t i = 0; i < gold.size(); ++i)
    right.push_back(predicted[i] == gold[i]);
  labelled_.gold.push_back(gold);
  labelled_.predicted.push_back(std::move(predicted));
  return right;
}

int64_t MeasuredRows::size() const {
  return std::ssize(labelled_.gold) + std::ssize(written_.texts);
}

MetricValue MeasuredRows::value() const {
  if (method_.predicts() == Predicts::texts)
    return {measure(method_.metric, written_), {}, {}};
  return measure(method_.metric, labelled_);
}

double dev_metric(const Method& method, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions) {
  MeasuredRows rows(method);
  for (std::size_t i = 0; i < examples.size(); ++i)
    rows.add(*examples[i], predictions[i]);
  return rows.value().value;
}

} // namespace cuecard
