/// The soft slots of templates whose embeddings a tuner trains. Functions of this file may be called from several threads at once.
#pragma once

#include <vector>

#include <cuecard/export.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

/// The soft slots of the first task's template, for a tuner whose tasks share one soft prompt; valid as long as Template::soft_slots.
/// `problem` has at least one task. UsageError if another task's template has a different number of them.
CUECARD_API const std::vector<SoftSlot>& shared_soft_slots(const Problem& problem);

/// Initialises each slot for which the template gives a word with that word's embedding: slot i is row i of `prompt` [n, embedding
/// width] float32, on any device, where n is at least the number of slots. Changes `prompt` in place: if it is a leaf that requires a
/// gradient, call it under at::NoGradGuard.
CUECARD_API void start_from_words(const at::Tensor& prompt, const std::vector<SoftSlot>& slots,
                                  const Backbone& backbone);

} // namespace cuecard
