/// Evaluates predictions on labelled examples by the task's metric.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <cuecard/example.hpp>

#include "engine/predict/predictor.hpp"
#include "engine/task_pipeline.hpp"
#include "engine/train/rank_group.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard {

/// The gold labels of `example`, in the form that `pipeline` predicts: one label (its representative,
/// Verbalizer::label_representatives), all labels that it has, or one per word. DataError when they are unknown.
std::vector<int64_t> gold_labels(const TaskPipeline& pipeline, const Example& example);

/// The reference texts of `example`; "" where it is known to have no answer. DataError when there are none.
std::vector<std::string> references_of(const Example& example);

/// DataError when `example` has no gold answer that a prediction of `pipeline` could be compared with.
void require_answer(const TaskPipeline& pipeline, const Example& example);

/// The examples to evaluate. Where the pipeline generates text, examples with the same input are merged into
/// one with all their answers as references: data sets such as E2E have one row per reference.
std::vector<Example> measured_inputs(const TaskPipeline& pipeline, std::vector<Example> examples);

/// UsageError when the pipeline's metric does not apply to what the pipeline predicts.
void require_metric(const TaskPipeline& pipeline);

/// Predictions with their gold answers.
class MetricAccumulator {
public:
  /// `pipeline` must outlive it.
  explicit MetricAccumulator(const TaskPipeline& pipeline) : pipeline_(pipeline) {
    labelled_.labels = pipeline.labels;
    labelled_.sets = pipeline.predicts() == Predicts::label_sets;
    const auto negative = std::ranges::find(pipeline.labels, pipeline.record.negative_label);
    if (negative != pipeline.labels.end())
      labelled_.negative = negative - pipeline.labels.begin();
  }

  /// Adds an example that has a gold answer. Returns whether the prediction is correct (of several labels, whether
  /// all are); where words are labelled, one value per word.
  std::vector<bool> add(const Example& example, const Prediction& prediction);

  int64_t size() const;
  /// The pipeline's metric.
  MetricValue value() const;

  const LabelPredictions& labelled() const { return labelled_; } ///< where labels are predicted
  const GeneratedTexts& written() const { return written_; }     ///< where texts are generated

private:
  const TaskPipeline& pipeline_;
  LabelPredictions labelled_;
  GeneratedTexts written_;
};

/// The predictions of examples that the ranks shared out, on every rank: `mine` are those of the examples whose `rank_of` is this one's,
/// in their order. Only what a metric looks at is exchanged.
std::vector<Prediction> gathered(RankGroup& ranks, const std::vector<int64_t>& rank_of,
                                 const std::vector<Prediction>& mine);

/// The metric's value; higher is better. One prediction per example, and each example has a gold answer.
double dev_metric(const TaskPipeline& pipeline, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions);

} // namespace cuecard
