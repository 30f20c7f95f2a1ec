#include <cuecard/parts/soft_slots.hpp>

#include <string>

#include <cuecard/error.hpp>

namespace cuecard {

const std::vector<SoftSlot>& shared_soft_slots(const Problem& problem) {
  const std::vector<SoftSlot>& slots = problem.tasks.at(0).prompt_template.soft_slots();
  for (const Task& task : problem.tasks)
    if (task.prompt_template.soft_slots().size() != slots.size())
      throw UsageError("tasks that share learned rows need as many soft slots each, and the template of \"" +
                       task.name + "\" has " + std::to_string(task.prompt_template.soft_slots().size()) +
                       " where the first has " + std::to_string(slots.size()) +
                       ": change one of them, or train the tasks one by one.");
  return slots;
}

} // namespace cuecard
