/// A decision as `cuecard predict` and the server print it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cuecard/verbalizer.hpp>

#include "engine/task_pipeline.hpp"

namespace cuecard {

/// Adds `label` and `scores`, or `labels` of words, or `text` and `log_prob`. Numbers that are not finite become null.
void add_decision(nlohmann::ordered_json& object, const Decision& decision, const TaskPipeline& pipeline);

} // namespace cuecard
