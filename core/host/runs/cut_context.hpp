/// What can be done about truncated examples of a pipeline.
#pragma once

#include <string>
#include <utility>

#include "engine/tokenized_example.hpp"
#include "host/output/cut_message.hpp"

namespace cuecard::host {

/// The setting of a task's length in its task file.
inline constexpr const char* task_max_length = "\"max_length\" in the task file";

inline CutContext cut_context(const TaskPipeline& pipeline, const Model& model, std::string file,
                              std::string what, std::string raise) {
  const OutputPositions::Kind kind = pipeline.layout.positions.kind;
  return {std::move(file), std::move(what), std::move(raise), longest_prompt(pipeline, model),
          kind == OutputPositions::Kind::tokens || kind == OutputPositions::Kind::words};
}

} // namespace cuecard::host
