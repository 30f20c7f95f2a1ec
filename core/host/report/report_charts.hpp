/// Charts of a report as inline SVG, without scripts or external files.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// Escapes text for HTML and SVG.
std::string escaped(const std::string& text);

struct Curve {
  std::string name;
  std::vector<double> values;     ///< one per step; NaN is a gap
  std::vector<double> steps = {}; ///< of the values, if there is not one per step
};

/// Curves by step, with axes and a legend. Curves of more than a few hundred steps are averaged over
/// neighbouring steps; the points of those with steps of their own are marked. "" if no curve has a finite value.
std::string line_chart(const std::vector<Curve>& curves);

/// A point of a calibration curve: predictions of about this probability, and how many of them are correct.
struct CalibrationPoint {
  double confidence = 0, accuracy = 0;
  long long n = 0;
};

struct CalibrationCurve {
  std::string name;
  std::vector<CalibrationPoint> points;
};

/// The share of correct predictions by their probability, with the diagonal of predictions whose probabilities are right. A
/// point's area is its share of the predictions.
std::string calibration_chart(const std::vector<CalibrationCurve>& curves);

struct Estimate {
  std::string name;
  double value = 0, low = 0, high = 1;
};

/// One line per estimate: its value and interval on a scale from 0 to 1.
std::string interval_chart(const std::vector<Estimate>& estimates);

} // namespace cuecard::host
