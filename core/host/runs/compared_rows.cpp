#include "host/runs/compared_rows.hpp"

#include <cuecard/error.hpp>

#include "engine/predict/predictor.hpp"
#include "engine/train/dev_metric.hpp"
#include "host/interrupt.hpp"
#include "host/output/record_messages.hpp"
#include "host/runs/cut_context.hpp"

namespace cuecard::host {

namespace {

/// Whether `example` has a gold answer.
bool has_answer(const TaskPipeline& pipeline, const Example& example) {
  try {
    require_answer(pipeline, example);
    return true;
  } catch (const DataError&) {
    return false;
  }
}

} // namespace

ComparedRows read_compared_rows(const TaskData& task, const ReadSettings& settings) {
  ComparedRows rows;
  if (task.file.test) {
    rows.examples =
        read_examples(*task.file.test, task.file.layout, LabelIndex(task.file.labels), settings, rows.report);
    print_messages(rows.report);
  } else {
    rows = {task.examples.dev, task.examples.dev_report};
  }
  if (rows.examples.empty())
    throw DataError(task.file.file.string() +
                    ": there are no test or development examples to compare tuners on; "
                    "name a file with \"data.test\" or \"data.dev\".");
  return rows;
}

ComparedCard compare_card(const Model& model, const registry::Registry& plugins, const Card& card,
                          const std::string& metric, const ComparedRows& rows) {
  TaskPipeline pipeline = pipeline_from_card(model, plugins, card);
  if (!metric.empty())
    pipeline.metric = metric;
  std::vector<Example> inputs = rows.examples;
  ComparedCard measured;
  measured.metric = pipeline.metric;
  measured.skipped = static_cast<int64_t>(
      std::erase_if(inputs, [&](const Example& example) { return !has_answer(pipeline, example); }));
  inputs = measured_inputs(pipeline, std::move(inputs));
  std::vector<const Example*> examples;
  examples.reserve(inputs.size());
  for (const Example& example : inputs)
    examples.push_back(&example);
  const std::vector<Prediction> predictions = Predictor(model, {&pipeline}).predict(examples, [](int64_t) {
    if (Interruptible::requested())
      throw Cancelled();
  });
  MetricAccumulator answered(pipeline);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!predictions[i].problem.empty()) {
      ++measured.skipped;
      continue;
    }
    answered.add(*examples[i], predictions[i]);
    measured.cut.add(predictions[i].cut);
  }
  measured.context = cut_context(pipeline, model, rows.report.file, "examples", task_max_length);
  measured.n = answered.size();
  if (measured.n == 0)
    throw DataError(rows.report.file + ": none of its examples can be used to evaluate the card \"" +
                    card.name + "\".");
  measured.value = answered.value().value;
  if (pipeline.predicts() == Predicts::texts)
    measured.by_metric = all_text_metrics(answered.written());
  measured.of_rows = pipeline.predicts() != Predicts::words;
  measured.labelled.labels = pipeline.labels;
  if (pipeline.predicts() == Predicts::labels)
    measured.labelled = answered.labelled();
  return measured;
}

} // namespace cuecard::host
