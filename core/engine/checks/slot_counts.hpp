/// Soft slots that prompts have, against the embeddings that a tuner gives for them.
#pragma once

#include <cstdint>

#include <cuecard/conditioning.hpp>

#include "batch/assemble.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

/// Numbers of soft slots, ordinary and late: one more than the largest.
struct SlotCounts {
  int64_t soft = 0, late = 0;

  /// Those of the prompt's tokens are included from now on.
  void include(const TokenizedPrompt& prompt);
};

/// The slots that `conditioning` has embeddings for, of one input.
SlotCounts slots_of(const Conditioning& conditioning);

/// PluginError that names the tuner when prompts have slots that its conditioning has no embeddings for.
void require_slots(const SlotCounts& used, const SlotCounts& given, const TaskPipeline& pipeline);
/// The same for late embeddings when no prompt has a late slot. `used`: those of all prompts of a task.
void require_late_slots(const SlotCounts& used, const SlotCounts& given, const TaskPipeline& pipeline);

} // namespace cuecard
