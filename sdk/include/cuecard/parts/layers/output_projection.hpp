/// Logits and log-probabilities from hidden states, for the requested tokens of the vocabulary only.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>

namespace cuecard {

/// The outputs OutputRequest::Kind::logits, log_probs and target_log_probs: `states` [n, W] is args.hidden after the head's
/// transform, `head` [vocabulary, W] the output embeddings, `bias` [vocabulary] or undefined. With a `cap` logits are cap *
/// tanh(logit / cap). float32, or float64 for float64 states. Error for an undefined head, and for other kinds, which backbone
/// `family` lacks.
CUECARD_API at::Tensor project_to_vocabulary(const at::Tensor& states, const at::Tensor& head,
                                             const at::Tensor& bias, const ProjectArgs& args,
                                             const std::string& family, double cap = 0);

/// Backbone::project of a model without a transform before its head: args.hidden for hidden and transformed states, else the above.
CUECARD_API at::Tensor project_untransformed(const at::Tensor& head, const at::Tensor& bias,
                                             const ProjectArgs& args, const std::string& family,
                                             double cap = 0);

/// log softmax(states head^T + bias), with a cap as above, at `targets` [n]: [n]. Holds logits of the whole vocabulary for only a
/// few states at a time, forward and backward. Differentiable in states, and in head and bias if these require gradients.
CUECARD_API at::Tensor target_log_probs(const at::Tensor& states, const at::Tensor& head,
                                        const at::Tensor& bias, const at::Tensor& targets, double cap = 0);

/// vectors table^T for `vectors` [n, W] and `table` [vocabulary, W]: [n, vocabulary] float32. The table is not copied.
CUECARD_API at::Tensor table_dot_products(const at::Tensor& table, const at::Tensor& vectors);

} // namespace cuecard
