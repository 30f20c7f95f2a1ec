/// Prompts that are members of an ensemble (Prompt::variant): each member is scored and trained by itself, and
/// their decisions are combined into one.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/task_pipeline.hpp"

namespace cuecard {

enum class Vote {
  mean,     ///< the mean of the members' probabilities decides; of words, which have none, the majority
  majority, ///< the label that most members choose; ties go to the higher mean probability
};

/// Whether prompts of `batch` are members of ensembles.
bool has_members(const Batch& batch);

/// The mean of the members' losses. `outputs` is the output request at all selected tokens of the batch.
at::Tensor ensemble_loss(const TaskPipeline& pipeline, const at::Tensor& outputs, const Batch& batch,
                         const Pass& pass);

/// One decision per example. Error when an example lacks a member that others have, DataError where scores are
/// not finite.
std::vector<Decision> ensemble_decisions(const TaskPipeline& pipeline, const at::Tensor& outputs,
                                         const Batch& batch, Vote vote, const Model& model);

/// The combined decision for one example.
Decision joined(const std::vector<Decision>& members, Vote vote);

} // namespace cuecard
