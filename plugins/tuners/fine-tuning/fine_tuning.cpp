#include "fine_tuning.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/training/fit_defaults.hpp>
#include <cuecard/parts/training/sized_rate.hpp>

namespace cuecard {

FineTuning::FineTuning(const Options& options)
    : what_(options.text("what")), weight_decay_(options.number("weight-decay")) {}

bool FineTuning::trains(const std::string& name) const {
  return what_ == "all" || (what_ == "bias" && name.ends_with("bias"));
}

void FineTuning::prepare(const Problem& problem) {
  model_width_ = problem.backbone.shape().hidden;
  weights_.copy(problem.backbone, [this](const std::string& name) { return trains(name); });
  if (what_ == "bias" && weights_.tensors().empty())
    throw UsageError("fine-tuning with what=bias has nothing to train: this " +
                     problem.backbone.shape().family + " model has no bias terms; use what=all.");
  if (what_ != "head")
    return;
  for (const Task& task : problem.tasks)
    if (task.train && task.verbalizer.parameters().empty())
      throw UsageError("fine-tuning with what=head trains the verbalizer, and that of task \"" + task.name +
                       "\" has no trainable parameters; choose a verbalizer with a head.");
}

FitRequest FineTuning::defaults(const FitRequest& request) const {
  const bool all = what_ == "all";
  FitRequest usual;
  usual.learning_rate = all ? sized_rate(model_width_, 2e-5, 1e-5) : 1e-3;
  usual.schedule = "linear";
  usual.warmup = 0.1;
  usual.batch_size = 16;
  usual.epochs = all ? 3 : 6;
  usual.min_steps = 100;
  return filled_in(request, usual);
}

ComponentState FineTuning::state(int64_t) const {
  ComponentState state;
  weights_.add_to(state);
  return state;
}

} // namespace cuecard
