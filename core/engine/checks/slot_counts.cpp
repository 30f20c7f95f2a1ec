#include "engine/checks/slot_counts.hpp"

#include <algorithm>
#include <string>

#include <cuecard/error.hpp>

#include "engine/checks/refusal.hpp"
#include "registry/guard.hpp"

namespace cuecard {

namespace {

int64_t slots_in(const at::Tensor& embeddings) {
  return embeddings.defined() ? embeddings.size(-2) : 0;
}

void require(const std::string& what, int64_t used, int64_t given, const TaskPipeline& pipeline) {
  if (used > given)
    throw registry::HostPluginError(pipeline.record.tuner.plugin, pipeline.record.tuner.component, "condition",
                                    "it returned " + what + " of " + counted(given, "soft slot") +
                                        "; expected at least " + std::to_string(used) +
                                        ", the number of slots in its prompts");
}

} // namespace

void SlotCounts::include(const TokenizedPrompt& prompt) {
  for (const auto* tokens : {&prompt.input, &prompt.output})
    for (const PromptToken& token : *tokens) {
      int64_t& count = token.first_layer > 0 ? late : soft;
      count = std::max(count, token.soft_slot + 1);
    }
}

SlotCounts slots_of(const Conditioning& conditioning) {
  return {slots_in(conditioning.embeddings), slots_in(conditioning.late_embeddings)};
}

void require_slots(const SlotCounts& used, const SlotCounts& given, const TaskPipeline& pipeline) {
  require("embeddings", used.soft, given.soft, pipeline);
  require("late embeddings", used.late, given.late, pipeline);
}

void require_late_slots(const SlotCounts& used, const SlotCounts& given, const TaskPipeline& pipeline) {
  if (used.late == 0 && given.late > 0)
    throw registry::HostPluginError(
        pipeline.record.tuner.plugin, pipeline.record.tuner.component, "condition",
        "it returned late embeddings of " + counted(given.late, "soft slot") +
            "; expected none, because its prompts have no late soft slot (Piece::first_layer)");
}

} // namespace cuecard
