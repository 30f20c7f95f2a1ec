#include <cuecard/parts/training/sized_rate.hpp>

#include <algorithm>
#include <cmath>

namespace cuecard {

double sized_rate(int64_t hidden, double usual, double large) {
  constexpr double narrow = 1024, wide = 3072;
  if (hidden <= narrow)
    return usual;
  const double way = std::min(1.0, std::log(static_cast<double>(hidden) / narrow) / std::log(wide / narrow));
  return usual * std::pow(large / usual, way);
}

} // namespace cuecard
