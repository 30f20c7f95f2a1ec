/// The soft slots of templates whose embeddings a tuner trains.
#pragma once

#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// The soft slots of the first task's template, for a tuner whose tasks share one soft prompt. UsageError if another task's template
/// has a different number of them.
CUECARD_API const std::vector<SoftSlot>& shared_soft_slots(const Problem& problem);

/// Initialises each slot for which the template gives a word with that word's embedding: slot i is row i of `prompt` [n, embedding
/// width] float32, where n is at least the number of slots. Changes `prompt` in place.
CUECARD_API void start_from_words(const at::Tensor& prompt, const std::vector<SoftSlot>& slots,
                                  const Backbone& backbone);

} // namespace cuecard
