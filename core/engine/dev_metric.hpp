/// What predictions on rows with known answers are worth, by the task's metric.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/example.hpp>

#include "engine/method.hpp"
#include "engine/predictor.hpp"

namespace cuecard {

/// The answers that are known of `example`, in the form that `method` predicts: one label, or one for each
/// word. DataError when there are none to compare with.
std::vector<int64_t> gold_labels(const Method& method, const Example& example);

/// As many labels as `gold` has; -1 where the prediction has none.
std::vector<int64_t> predicted_labels(const Prediction& prediction, const std::vector<int64_t>& gold);

/// UsageError when the method's metric can't measure what the method predicts.
void require_metric(const Method& method);

/// Higher is better. One prediction for each example, and each has an answer.
double dev_metric(const Method& method, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions);

} // namespace cuecard
