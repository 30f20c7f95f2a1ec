/// A verbalizer's scores and decisions, checked against its contract and the template.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "engine/task_pipeline.hpp"

namespace cuecard {

/// The verbalizer's scores of `outputs`, its output request at the selected tokens of `batch`. UsageError when
/// the template makes a prompt for each alternative of an example, and the verbalizer labels each of them by
/// itself.
Scores scores_of(const TaskPipeline& pipeline, const at::Tensor& outputs, const Batch& batch, const Pass& pass);

/// One decision per example. DataError where the scores are not finite.
std::vector<Decision> decisions_of(const TaskPipeline& pipeline, Scores scores, const Batch& batch,
                                   const Model& model);

} // namespace cuecard
