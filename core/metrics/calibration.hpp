/// Whether probabilities are right: of predictions with probability 0.8, four in five should be correct.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace cuecard {

/// Predictions whose probability is in [low, high), in the last bin also high.
struct CalibrationBin {
  double low = 0, high = 0;
  int64_t n = 0;
  double confidence = 0; ///< mean probability
  double accuracy = 0;   ///< share of correct predictions
};

struct Calibration {
  std::vector<CalibrationBin> bins; ///< those that have predictions
  double error =
      0; ///< expected calibration error (Guo et al. 2017, equation 3): mean of |accuracy - confidence| over predictions
};

/// `predictions`: the probability of each predicted label, and whether it is correct. Ten bins of the same width.
Calibration calibration(const std::vector<std::pair<double, bool>>& predictions);

} // namespace cuecard
