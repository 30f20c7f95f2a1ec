/// Finds where a training loss was detached from the trained parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cuecard/conditioning.hpp>

#include "engine/task_pipeline.hpp"

namespace cuecard {

/// What one training pass computed, in order.
struct PassTensors {
  const Conditioning& conditioning;
  const at::Tensor &hidden, &outputs;
  at::Tensor scores; ///< undefined where several sets of scores were computed
  const at::Tensor& loss;
};

/// PluginError that names the function whose result requires no gradient although its arguments do, when the loss requires none
/// although `pipeline` has parameters.
void require_gradient(const TaskPipeline& pipeline, const PassTensors& pass);

} // namespace cuecard
