/// Learns a card: the engine behind `Tuner::fit`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <cuecard/tuner.hpp>

#include "engine/counters.hpp"

#include "engine/method.hpp"
#include "engine/predictor.hpp"

namespace cuecard {

/// Called after each step; `dev` is NaN between looks at the dev rows. Returns false to stop.
using Progress = std::function<bool(int64_t step, int64_t steps, double loss, double dev)>;

struct TrainResult {
  FitReport report;
  Counters counters;
  double seconds = 0;                ///< of the fit alone
  int64_t examples_seen = 0;         ///< examples forwarded for training
  int64_t rows_unusable = 0;         ///< training rows that could not be rendered
  std::vector<std::string> problems; ///< the first of them, with their lines
};

/// Trains `method` in place on `train`, with early stopping on `dev` (may be empty). On return it holds the
/// best that was found, also when it was stopped.
TrainResult train(const Model& model, Method& method, const std::vector<Example>& train,
                  const std::vector<Example>& dev, const FitSettings& settings, uint64_t seed,
                  const Progress& progress = {});

/// Calibrates and fits the verbalizer without gradients, as its options ask. For methods whose tuner learns
/// nothing.
void fit_verbalizer(const Model& model, Method& method, const std::vector<Example>& train);

} // namespace cuecard
