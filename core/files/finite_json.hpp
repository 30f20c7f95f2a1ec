/// Numbers in JSON output.
#pragma once

#include <cmath>

#include <nlohmann/json.hpp>

namespace cuecard {

/// Null if not finite, since JSON has no NaN or infinity.
inline nlohmann::ordered_json finite(double number) {
  return std::isfinite(number) ? nlohmann::ordered_json(number) : nlohmann::ordered_json();
}

} // namespace cuecard
