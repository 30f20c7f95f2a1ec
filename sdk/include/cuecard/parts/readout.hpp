/// From hidden states to scores of vocabulary rows, computing only the rows that are asked for.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// Readout::Kind::scores and log_probs of states [n, W] under the decoder `head` [vocabulary, W] and `bias`
/// [vocabulary] or undefined, in float32 (float64 when the states are). Any other kind is an Error that names
/// `family`: it has no such thing.
CUECARD_API at::Tensor score_rows(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias,
                                  const Readout& readout, const std::string& family);

} // namespace cuecard
