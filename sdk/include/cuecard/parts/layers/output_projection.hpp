/// From hidden states to scores of vocabulary rows, computing only the rows that are asked for.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// OutputRequest::Kind::scores, log_probs and target_log_probs of `states` [n, W], which stand for args.hidden behind
/// the head's transform, under the decoder `head` [vocabulary, W] and `bias` [vocabulary] or undefined, in
/// float32 (float64 when the states are). An undefined head, or any other kind, is an Error that names `family`: it has no such
/// thing.
CUECARD_API at::Tensor score_rows(const at::Tensor& states, const at::Tensor& head, const at::Tensor& bias,
                                  const ProjectArgs& args, const std::string& family);

/// log softmax(states head^T + bias) at `targets` [n]: [n]. Scores of the whole vocabulary exist for a few rows
/// at a time only, forward and backward. Differentiable in states, and in head and bias where they ask for it.
CUECARD_API at::Tensor target_log_probs(const at::Tensor& states, const at::Tensor& head,
                                        const at::Tensor& bias, const at::Tensor& targets);

/// rows [n, W] times every row of `table` [vocabulary, W]: [n, vocabulary] float32.
CUECARD_API at::Tensor table_dot_products(const at::Tensor& table, const at::Tensor& rows);

} // namespace cuecard
