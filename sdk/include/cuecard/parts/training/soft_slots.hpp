/// Soft slots of the templates that learned rows stand in.
#pragma once

#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// The soft slots of the first task's template, for a tuner whose tasks share the rows that stand in them.
/// UsageError when another task's template has more or fewer, since its slots would name other rows or none.
CUECARD_API const std::vector<SoftSlot>& shared_soft_slots(const Problem& problem);

/// Gives the slots that the template has a word for that word's embedding: slot i is row i of `rows` [n,
/// embedding width] float32, n at least as many as there are slots.
CUECARD_API void start_from_words(const at::Tensor& rows, const std::vector<SoftSlot>& slots,
                                  const Backbone& backbone);

} // namespace cuecard
