/// Logits and log-probabilities from hidden states, for the requested tokens of the vocabulary only.
///
/// `states` [n, W] and `bias` [vocabulary] or undefined are in the dtype of `head` [vocabulary, W], which may be a stored matrix
/// (parts/stored/stored_matrix.hpp); all tensors are on the backbone's device. Results are float32, or float64 for float64 states, and
/// differentiable in states, and in head and bias if these require gradients. Functions of this file may be called from several threads
/// at once.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// The outputs OutputRequest::Kind::logits, log_probs and target_log_probs, with their shapes: `states` is args.hidden after the head's
/// transform, `head` the output embeddings. With a `cap` above 0 logits are cap * tanh(logit / cap) (Gemma Team 2024, "Gemma 2",
/// section 2). Error for an undefined head, and for other kinds, which backbone `family` lacks.
CUECARD_API at::Tensor project_to_vocabulary(const at::Tensor& states, const at::Tensor& head,
                                             const at::Tensor& bias, const ProjectArgs& args,
                                             const std::string& family, double cap = 0);

/// Backbone::project of a model without a transform before its head: args.hidden, unchanged, for hidden and transformed states, else the
/// above.
CUECARD_API at::Tensor project_untransformed(const at::Tensor& head, const at::Tensor& bias,
                                             const ProjectArgs& args, const std::string& family,
                                             double cap = 0);

/// log softmax(states head^T + bias), with a cap as above, at `targets` [n] int64: [n]. A negative target counts as token 0. Holds logits
/// of the whole vocabulary for only a few states at a time, forward and backward.
CUECARD_API at::Tensor target_log_probs(const at::Tensor& states, const at::Tensor& head,
                                        const at::Tensor& bias, const at::Tensor& targets, double cap = 0);

/// vectors table^T for `vectors` [n, W], any floating-point dtype, and `table` [vocabulary, W], which may be a stored matrix:
/// [n, vocabulary] float32, computed in the table's dtype. The table is not copied.
CUECARD_API at::Tensor table_dot_products(const at::Tensor& table, const at::Tensor& vectors);

} // namespace cuecard
