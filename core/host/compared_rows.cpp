#include "host/compared_rows.hpp"

#include <iostream>

#include <cuecard/error.hpp>

#include "engine/dev_metric.hpp"
#include "engine/predictor.hpp"
#include "host/interrupt.hpp"

namespace cuecard::host {

namespace {

/// Whether something is known of `example` to compare with.
bool has_answer(const Method& method, const Example& example) {
  try {
    require_answer(method, example);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

} // namespace

ComparedRows read_compared_rows(const TrainingTask& task, bool strict) {
  ComparedRows rows;
  if (task.file.test) {
    rows.examples = read_examples(*task.file.test, task.file.layout, LabelIndex(task.file.labels),
                                  {strict, true}, rows.report);
    if (const std::string summary = rows.report.summary(); !summary.empty())
      std::cerr << "cuecard: " << summary << '\n';
  } else {
    rows = {task.rows.dev, task.rows.dev_report};
  }
  if (rows.examples.empty())
    throw DataError(
        task.file.file.string() +
        ": there is nothing to compare methods on; name a file with \"data.test\" or \"data.dev\".");
  return rows;
}

ComparedCard compare_card(const Model& model, const registry::Registry& plugins, const Card& card,
                          const std::string& metric, const ComparedRows& rows) {
  Method method = method_from_card(model, plugins, card);
  if (!metric.empty())
    method.metric = metric;
  std::vector<Example> inputs = rows.examples;
  ComparedCard measured;
  measured.metric = method.metric;
  measured.skipped = static_cast<int64_t>(
      std::erase_if(inputs, [&](const Example& example) { return !has_answer(method, example); }));
  inputs = measured_inputs(method, std::move(inputs));
  std::vector<const Example*> examples;
  for (const Example& example : inputs)
    examples.push_back(&example);
  const std::vector<Prediction> predictions = Predictor(model, {&method}).predict(examples, [](int64_t) {
    if (Interruptible::requested())
      throw Cancelled();
  });
  MeasuredRows answered(method);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (predictions[i].problem.empty())
      answered.add(*examples[i], predictions[i]);
    else
      ++measured.skipped;
  }
  measured.n = answered.size();
  if (measured.n == 0)
    throw DataError(rows.report.file + ": none of its rows can be used to measure the card \"" + card.name +
                    "\".");
  measured.value = answered.value().value;
  if (method.predicts() == Predicts::texts)
    measured.by_metric = all_text_metrics(answered.written());
  measured.of_rows = method.predicts() != Predicts::words;
  measured.labelled.labels = method.labels;
  if (method.predicts() == Predicts::labels)
    measured.labelled = answered.labelled();
  return measured;
}

} // namespace cuecard::host
