/// Default learning rates by model size.
#pragma once

#include <cstdint>

#include <cuecard/export.hpp>

namespace cuecard {

/// `usual` for hidden sizes up to 1,024, for which the papers' rates were found; `large` from 3,072 (about three billion weights) on;
/// log-linear interpolation in between.
CUECARD_API double sized_rate(int64_t hidden, double usual, double large);

} // namespace cuecard
