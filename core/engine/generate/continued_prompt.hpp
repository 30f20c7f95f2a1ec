/// Prompts that a text continues.
#pragma once

#include <cstdint>

#include "batch/assemble.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// `prompt` with its answer slot open, for a text of up to `new_tokens` tokens. One that fits the model is never cut; the text has what room is
/// left. One that must be cut is cut further so that the new tokens have positions, but to no less than half of the model's, and at least half
/// of the fields' tokens that would fit stays.
TokenizedPrompt continued_prompt(const TaskPipeline& pipeline, const Model& model, const Prompt& prompt,
                                 int64_t new_tokens);

} // namespace cuecard
