/// What predictions on rows with known answers are worth, by the task's metric.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/example.hpp>

#include "engine/method.hpp"
#include "engine/predictor.hpp"
#include "metrics/task_metric.hpp"

namespace cuecard {

/// The answers that are known of `example`, in the form that `method` predicts: one label, or one for each
/// word. DataError when there are none to compare with.
std::vector<int64_t> gold_labels(const Method& method, const Example& example);

/// The texts that are right answers of `example`. DataError when there are none.
std::vector<std::string> references_of(const Example& example);

/// DataError when nothing is known of `example` to compare what `method` predicts with.
void require_answer(const Method& method, const Example& example);

/// What is measured of `rows`. Where the method has the model write, rows of the same texts are one row that
/// has all their answers as references: data sets write one answer a row (E2E), and the model has one.
std::vector<Example> measured_inputs(const Method& method, std::vector<Example> rows);

/// UsageError when the method's metric can't measure what the method predicts.
void require_metric(const Method& method);

/// Predictions beside the answers that are known.
class MeasuredRows {
public:
  /// `method` must outlive it.
  explicit MeasuredRows(const Method& method) : method_(method) { labelled_.labels = method.labels; }

  /// Takes a row that has an answer. Returns whether the prediction is right, of words that of each one.
  std::vector<bool> add(const Example& example, const Prediction& prediction);

  int64_t size() const;
  /// By the method's metric.
  MetricValue value() const;

  const Labelled& labelled() const { return labelled_; }   ///< where labels are predicted
  const WrittenTexts& written() const { return written_; } ///< where texts are

private:
  const Method& method_;
  Labelled labelled_;
  WrittenTexts written_;
};

/// Higher is better. One prediction for each example, and each has an answer.
double dev_metric(const Method& method, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions);

} // namespace cuecard
