#include "metrics/calibration.hpp"

#include <algorithm>
#include <cmath>

namespace cuecard {

Calibration calibration(const std::vector<std::pair<double, bool>>& predictions) {
  constexpr int64_t count = 10;
  std::vector<CalibrationBin> bins(count);
  for (const auto& [probability, correct] : predictions) {
    const auto index = std::clamp<int64_t>(static_cast<int64_t>(probability * count), 0, count - 1);
    CalibrationBin& bin = bins[static_cast<std::size_t>(index)];
    ++bin.n;
    bin.confidence += probability;
    bin.accuracy += correct ? 1 : 0;
  }
  Calibration result;
  for (int64_t i = 0; i < count; ++i) {
    CalibrationBin bin = bins[static_cast<std::size_t>(i)];
    if (bin.n == 0)
      continue;
    bin.low = static_cast<double>(i) / count;
    bin.high = static_cast<double>(i + 1) / count;
    bin.confidence /= static_cast<double>(bin.n);
    bin.accuracy /= static_cast<double>(bin.n);
    result.error += std::abs(bin.accuracy - bin.confidence) * static_cast<double>(bin.n) /
                    static_cast<double>(predictions.size());
    result.bins.push_back(bin);
  }
  return result;
}

} // namespace cuecard
