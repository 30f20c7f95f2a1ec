/// Drawings of a report as inline SVG: no script, no file beside the page.
#pragma once

#include <string>
#include <vector>

namespace cuecard::host {

/// Text of a person's data in a page: the five characters that mean something there are spelled out.
std::string escaped(const std::string& text);

struct Curve {
  std::string name;
  std::vector<double> values; ///< one a step; NaN is a gap
};

/// Curves over their steps, with axes and a legend. A curve of more than a few hundred steps is drawn as means
/// of neighbours. "" when no curve has a finite value.
std::string line_chart(const std::vector<Curve>& curves);

struct Estimate {
  std::string name;
  double value = 0, low = 0, high = 1;
};

/// One line for each estimate: its value and its interval between 0 and 1.
std::string interval_chart(const std::vector<Estimate>& estimates);

} // namespace cuecard::host
