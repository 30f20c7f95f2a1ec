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

/// A row that can't be used: no prompt can be made of it, or nothing is known to compare with.
struct UnusableRow {
  int64_t line = 0; ///< of its file; 0: unknown
  std::string reason;
};

struct UnusableRows {
  std::vector<UnusableRow> train, dev;
};

/// Told once which rows are left out, before anything is learned. May throw to refuse them.
using LeftOut = std::function<void(const UnusableRows&)>;

struct TrainResult {
  FitReport report;
  Counters counters;         ///< of all passes: calibration, training, looks at the dev rows
  double seconds = 0;        ///< of the same, and of making token rows
  int64_t examples_seen = 0; ///< examples forwarded for training
  int64_t dev_rows = 0;      ///< dev rows that each look measures
};

/// Trains `method` in place on `train`, with early stopping on `dev` (may be empty). On return it holds the
/// best that was found, also when it was stopped. DataError when no training row can be used.
TrainResult train(const Model& model, Method& method, const std::vector<Example>& train,
                  const std::vector<Example>& dev, const FitSettings& settings, uint64_t seed,
                  const Progress& progress = {}, const LeftOut& left_out = {});

/// Calibrates and fits the verbalizer without gradients, as its options ask: the first step of `train`, and all
/// of it for a method that learns from no rows.
Counters fit_verbalizer(const Model& model, Method& method, const std::vector<const Example*>& train,
                        const PredictSettings& settings = {});

} // namespace cuecard
