/// Soft slots of the templates that learned rows stand in.
#pragma once

#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// The soft slots of the first task's template, for a tuner whose tasks share the rows that stand in them.
/// UsageError when another task's template has more or fewer, since its slots would name other rows or none.
CUECARD_API const std::vector<SoftSlot>& shared_soft_slots(const Problem& problem);

} // namespace cuecard
