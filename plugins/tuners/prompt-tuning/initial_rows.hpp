/// Where learned rows start (Lester et al. 2021, section 3.2): every choice but "random" is rows of the model's
/// own embeddings.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/tuner.hpp>

namespace cuecard {

/// [count, embedding width] float32 on the CPU.
///   "vocabulary": rows of different tokens, drawn by seed among the first 5,000
///   "text":       one row per token of `text`, repeated or cut to `count`
///   "labels":     row i is the mean of the tokens of label i's words; the rest as "vocabulary"
///   "random":     normal with the embeddings' own deviation
///   "card":       what the card that the option `from` names has learned, which must be `count` rows
at::Tensor initial_rows(const std::string& how, const std::string& text, int64_t count, const Problem& problem);

} // namespace cuecard
