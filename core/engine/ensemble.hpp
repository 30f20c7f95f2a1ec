/// Prompts that are members of an ensemble (Prompt::variant): each member is scored and learned by itself, and
/// one decision is made of theirs.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/method.hpp"

namespace cuecard {

enum class Vote {
  mean,     ///< the mean of the members' probabilities decides; of words, which have none, the majority
  majority, ///< the label that most members choose, of equals the one that they find more probable
};

/// Whether prompts of `batch` are members of ensembles.
bool has_members(const Batch& batch);

/// The mean of the members' losses. `values` is the readout at all of the batch's read rows.
at::Tensor ensemble_loss(const Method& method, const at::Tensor& values, const Batch& batch, const Pass& pass);

/// One decision per example. Error when an example lacks a member that others have.
std::vector<Decision> ensemble_decisions(const Method& method, const at::Tensor& values, const Batch& batch,
                                         Vote vote);

/// One decision of the members' about one example.
Decision joined(const std::vector<Decision>& members, Vote vote);

} // namespace cuecard
