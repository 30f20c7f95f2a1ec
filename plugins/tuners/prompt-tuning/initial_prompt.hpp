/// Initialisation of soft prompts (Lester et al. 2021, section 3.2), by default from the model's word
/// embeddings.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// [count, embedding width] float32 on the CPU.
///   "vocabulary": embeddings of distinct tokens, drawn at random from the first 5,000
///   "text":       embeddings of the tokens of `text`, repeated or truncated to `count`
///   "labels":     virtual token i is the mean embedding of the tokens of label i's words; the rest as "vocabulary"
///   "random":     normal, with the standard deviation of embeddings
///   "card":       the soft prompt of the card named by the option `from`, which must have `count` virtual tokens
at::Tensor initial_prompt(const std::string& init, const std::string& text, int64_t count,
                          const Problem& problem);

} // namespace cuecard
