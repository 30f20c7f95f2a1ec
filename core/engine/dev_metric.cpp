#include "engine/dev_metric.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "metrics/task_metric.hpp"

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

std::vector<int64_t> predicted_labels(const Prediction& prediction, const std::vector<int64_t>& gold) {
  std::vector<int64_t> labels = prediction.decision.labels;
  labels.resize(gold.size(), -1);
  return labels;
}

void require_metric(const Method& method) {
  const std::vector<std::string>& known = metric_names();
  if (std::ranges::find(known, method.metric) == known.end())
    throw UsageError("the card \"" + method.name + "\" was measured by \"" + method.metric +
                     "\", which this version of cuecard doesn't know; give a task file with another metric.");
  if (const std::string why = unfit_metric(method.metric, method.labels, method.labels_words()); !why.empty())
    throw UsageError(why + ".");
}

double dev_metric(const Method& method, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions) {
  Labelled rows{method.labels, {}, {}};
  for (std::size_t i = 0; i < examples.size(); ++i) {
    rows.gold.push_back(gold_labels(method, *examples[i]));
    rows.predicted.push_back(predicted_labels(predictions[i], rows.gold.back()));
  }
  return measure(method.metric, rows).value;
}

} // namespace cuecard
