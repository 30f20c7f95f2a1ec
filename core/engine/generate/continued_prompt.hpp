/// Prompts that a text continues.
#pragma once

#include <cstdint>

#include "batch/assemble.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// `prompt` with its answer slot open, for a text of up to `new_tokens` tokens: one that is too long for the model is cut so that they have
/// positions, but to no less than half of the model's, and at least half of the fields' tokens that would fit stays. Where too little may be
/// cut for that, the text has less room.
TokenizedPrompt continued_prompt(const TaskPipeline& pipeline, const Model& model, const Prompt& prompt,
                                 int64_t new_tokens);

} // namespace cuecard
