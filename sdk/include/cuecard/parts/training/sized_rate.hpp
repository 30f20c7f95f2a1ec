/// Default learning rates by model size.
#pragma once

#include <cstdint>

#include <cuecard/export.hpp>

namespace cuecard {

/// `usual` for hidden sizes up to 1,024, the sizes that the papers tuned their rates for; `large` from 3,072 (about three billion
/// parameters); log-linear interpolation in between.
CUECARD_API double sized_rate(int64_t hidden, double usual, double large);

} // namespace cuecard
