/// Splits the text that a pipeline labels word by word.
#pragma once

#include <cuecard/example.hpp>

#include "engine/task_pipeline.hpp"

namespace cuecard {

/// If `pipeline` labels words and the field is a text, replaces the text by its words, split at white space.
void take_words(Example& example, const TaskPipeline& pipeline);

} // namespace cuecard
