#include "manual_tuner.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard::manual {

void ManualTuner::prepare(const Problem& problem) {
  for (const Task& task : problem.tasks) {
    const std::size_t soft = task.prompt_template.soft_slots().size();
    if (soft > 0)
      throw UsageError("the template of task \"" + task.name + "\" has " + counted(soft, "soft slot") +
                       ", and the tuner \"manual\" does not train them: use the tuner \"prompt-tuning\", or "
                       "remove them.");
    const std::vector<int64_t>& triggers = task.prompt_template.triggers();
    if (std::find(triggers.begin(), triggers.end(), -1) != triggers.end())
      throw UsageError("the template of task \"" + task.name +
                       "\" has trigger slots without a token, and the tuner \"manual\" does not search for "
                       "tokens: use a tuner that does, or remove them.");
  }
}

FitReport ManualTuner::fit(Engine& engine) {
  Problem& problem = engine.problem();
  for (const Task& task : problem.tasks)
    if (!task.verbalizer.parameters().empty())
      return Tuner::fit(engine);
  double dev = 0;
  for (std::size_t task = 0; task < problem.tasks.size(); ++task)
    dev += engine.evaluate_dev(static_cast<int64_t>(task)) / static_cast<double>(problem.tasks.size());
  FitReport report;
  report.best_dev = dev;
  return report;
}

} // namespace cuecard::manual
