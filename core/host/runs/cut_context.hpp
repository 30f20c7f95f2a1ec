/// What can be done about truncated examples of a pipeline.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "engine/tokenized_example.hpp"
#include "host/output/cut_message.hpp"

namespace cuecard::host {

/// The setting of a task's length in its task file.
inline constexpr const char* task_max_length = "\"max_length\" in the task file";

/// Maximum tokens of a prompt of the pipeline when no text continues it; 0: no limit.
inline int64_t cut_length(const TaskPipeline& pipeline, const Model& model) {
  const int64_t longest = longest_prompt(pipeline, model), given = pipeline.limit.max_length;
  return longest > 0 && given > 0 ? std::min(longest, given) : std::max(longest, given);
}

inline CutContext cut_context(const TaskPipeline& pipeline, const Model& model, std::string file,
                              std::string what, std::string raise, std::string new_tokens = {}) {
  const OutputPositions::Kind kind = pipeline.layout.positions.kind;
  if (new_tokens.empty() && pipeline.verbalizer && pipeline.verbalizer->generation())
    new_tokens = "\"max-new-tokens\" of the verbalizer";
  return {std::move(file),
          std::move(what),
          std::move(raise),
          longest_prompt(pipeline, model),
          kind == OutputPositions::Kind::tokens || kind == OutputPositions::Kind::words,
          std::move(new_tokens),
          cut_length(pipeline, model)};
}

} // namespace cuecard::host
