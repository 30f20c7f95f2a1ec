/// Learning rates that fall with a model's width.
#pragma once

#include <cstdint>

#include <cuecard/export.hpp>

namespace cuecard {

/// `usual` for models of a hidden size up to 1,024, for which the papers' rates were found; `large` from 3,072
/// on, the width of three billion weights; in between a power of the width that joins the two.
CUECARD_API double sized_rate(int64_t hidden, double usual, double large);

} // namespace cuecard
