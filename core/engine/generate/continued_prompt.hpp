/// Prompts that a text continues.
#pragma once

#include <cstdint>

#include "batch/assemble.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// `prompt` with its answer slot open, for a text of up to `new_tokens` tokens. A prompt that fits the model is never cut; the text gets the
/// remaining positions. A prompt that must be cut is cut further to leave positions for the new tokens, but to no less than half of the model's
/// positions, and it keeps at least half of the field tokens that would fit.
TokenizedPrompt continued_prompt(const TaskPipeline& pipeline, const Model& model, const Prompt& prompt,
                                 int64_t new_tokens);

} // namespace cuecard
