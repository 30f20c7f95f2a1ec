/// A method's default training settings.
#pragma once

#include <cuecard/export.hpp>
#include <cuecard/fit.hpp>

namespace cuecard {

/// `request` with its empty fields taken from `usual`, for `Tuner::defaults`. The length of the run counts as one setting: steps, epochs
/// and min_steps of `usual` are used only if `request` has neither steps nor epochs. Values are not checked. May be called from several
/// threads at once.
CUECARD_API FitRequest filled_in(FitRequest request, const FitRequest& usual);

} // namespace cuecard
