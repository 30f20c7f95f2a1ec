#include <cuecard/parts/training/soft_slots.hpp>

#include <string>

#include <ATen/TensorOperators.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

const std::vector<SoftSlot>& shared_soft_slots(const Problem& problem) {
  const std::vector<SoftSlot>& slots = problem.tasks.at(0).prompt_template.soft_slots();
  for (const Task& task : problem.tasks)
    if (task.prompt_template.soft_slots().size() != slots.size())
      throw UsageError(
          "tasks that share a soft prompt need the same number of soft slots, and the template of \"" +
          task.name + "\" has " + std::to_string(task.prompt_template.soft_slots().size()) +
          " where the first has " + std::to_string(slots.size()) +
          ": change one of them, or train the tasks one by one.");
  return slots;
}

void start_from_words(const at::Tensor& prompt, const std::vector<SoftSlot>& slots, const Backbone& backbone) {
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    if (slots[slot].initial_token) {
      const at::Tensor id = index_tensor({&*slots[slot].initial_token, 1}, backbone.device());
      prompt[static_cast<int64_t>(slot)].copy_(backbone.token_vectors(TokenTable::input, id)[0]);
    }
}

} // namespace cuecard
