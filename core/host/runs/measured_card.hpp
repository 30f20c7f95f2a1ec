/// The evaluation of one card in `eval`: correctness, the metric, the worst mistakes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/formats/readers.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/train/dev_metric.hpp"
#include "host/output/json_line.hpp"

namespace cuecard::host {

/// An example, or a word of one, with a wrong prediction.
struct Mistake {
  std::shared_ptr<const Example> example;
  std::string gold, predicted;
  /// Of the prediction; NaN if the verbalizer gives none. Of several labels, of the worst wrong decision.
  double probability = 0;
  std::string text;
};

class MeasuredCard {
public:
  /// `pipeline` must outlive it.
  MeasuredCard(const TaskPipeline& pipeline, RecordReport report)
      : pipeline_(pipeline), rows_(pipeline), report_(std::move(report)) {}

  /// Adds an example that has a gold answer.
  void add(const Example& example, const Prediction& prediction);

  const TaskPipeline& pipeline() const { return pipeline_; }
  const CutExamples& cut() const { return cut_; }
  const MetricAccumulator& rows() const { return rows_; }
  RecordReport& report() { return report_; }
  const RecordReport& report() const { return report_; }
  /// By line, and by word where words are labelled.
  const std::map<std::pair<int64_t, std::size_t>, bool>& correct() const { return correct_; }
  /// The probabilities of the predicted labels of examples, and whether these are correct; none where the verbalizer gives none.
  const std::vector<std::pair<double, bool>>& confidences() const { return confidences_; }
  /// At most `count`, by descending probability.
  std::vector<Mistake> worst_mistakes(int64_t count) const;

private:
  void add_mistakes(const Example& example, const Prediction& prediction, const std::vector<bool>& right);

  const TaskPipeline& pipeline_;
  MetricAccumulator rows_;
  RecordReport report_;
  CutExamples cut_;
  std::map<std::pair<int64_t, std::size_t>, bool> correct_;
  std::vector<Mistake> mistakes_;
  std::vector<std::pair<double, bool>>
      confidences_; ///< of predicted labels of examples, and whether they are correct
};

/// One pass of the model over the examples of one or several cards.
struct MeasuredPass {
  double seconds = 0;
  Counters counters;
};

/// The object that `eval` prints (docs/json-output.md), with at most `mistakes` mistakes. If `first` is not
/// null, with a comparison with that card on the same examples. `model`: whose tokens are shown.
Json as_json(const MeasuredCard& measured, const MeasuredPass& pass, int64_t mistakes,
             const MeasuredCard* first, const Model& model);

} // namespace cuecard::host
