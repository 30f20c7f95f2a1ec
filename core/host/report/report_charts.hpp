/// Charts of a report as inline SVG, without scripts or external files.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// Escapes text for HTML and SVG.
std::string escaped(const std::string& text);

struct Curve {
  std::string name;
  std::vector<double> values; ///< one per step; NaN is a gap
};

/// Curves by step, with axes and a legend. Curves of more than a few hundred steps are averaged over
/// neighbouring steps. "" if no curve has a finite value.
std::string line_chart(const std::vector<Curve>& curves);

struct Estimate {
  std::string name;
  double value = 0, low = 0, high = 1;
};

/// One line per estimate: its value and interval on a scale from 0 to 1.
std::string interval_chart(const std::vector<Estimate>& estimates);

} // namespace cuecard::host
