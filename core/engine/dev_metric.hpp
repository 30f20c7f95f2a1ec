/// What predictions on rows with known answers are worth, by the task's metric.
#pragma once

#include <vector>

#include <cuecard/example.hpp>

#include "engine/method.hpp"
#include "engine/predictor.hpp"

namespace cuecard {

/// DataError when nothing is known of `example` that a prediction could be compared with.
void require_answer(const Method& method, const Example& example);

/// Higher is better. One prediction for each example.
double dev_metric(const Method& method, const std::vector<const Example*>& examples,
                  const std::vector<Prediction>& predictions);

} // namespace cuecard
