#include "fine_tuning.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/sized_rate.hpp>

namespace cuecard {

FineTuning::FineTuning(const Options& options)
    : what_(options.text("what")), weight_decay_(options.number("weight-decay")) {}

bool FineTuning::learns(const std::string& name) const {
  return what_ == "all" || (what_ == "bias" && name.ends_with("bias"));
}

void FineTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  weights_.copy(problem.backbone, [this](const std::string& name) { return learns(name); });
  if (what_ == "bias" && weights_.tensors().empty())
    throw UsageError("fine-tuning with what=bias has nothing to learn: no weight of this " +
                     problem.backbone.shape().family + " model is a bias; use what=all.");
  if (what_ != "head")
    return;
  for (const Task& task : problem.tasks)
    if (task.train && task.verbalizer.parameters().empty())
      throw UsageError("fine-tuning with what=head learns what the verbalizer has, and that of the task \"" +
                       task.name + "\" has nothing to learn; choose a verbalizer with a head of its own.");
}

FitSettings FineTuning::defaults(const FitSettings& asked) const {
  FitSettings settings = asked;
  if (settings.learning_rate <= 0)
    settings.learning_rate = what_ == "all" ? sized_rate(model_width_, 2e-5, 1e-5) : 1e-3;
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.epochs <= 0 && settings.steps <= 0) {
    settings.epochs = what_ == "all" ? 3 : 6;
    settings.least_steps = 100;
  }
  if (settings.warmup < 0)
    settings.warmup = 0.1;
  if (settings.schedule.empty())
    settings.schedule = "linear";
  return settings;
}

Learned FineTuning::export_learned(int64_t) const {
  Learned learned;
  weights_.add_to(learned);
  return learned;
}

} // namespace cuecard
