#include "fine_tuning.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include <cuecard/error.hpp>

namespace cuecard {

FineTuning::FineTuning(const Options& options)
    : what_(options.text("what")), weight_decay_(options.number("weight-decay")) {}

bool FineTuning::learns(const std::string& name) const {
  return what_ == "all" || (what_ == "bias" && name.ends_with("bias"));
}

void FineTuning::prepare(const Problem& problem) {
  frozen_ = &problem.backbone;
  weights_.clear();
  for (const auto& [name, weight] : frozen_->weights()) {
    if (!learns(name))
      continue;
    if (weight.scalar_type() != at::kFloat)
      throw UsageError("fine-tuning learns the model's weights in float32, where a small step is not rounded "
                       "away; use --dtype float32.");
    at::Tensor leaf = weight.detach().clone();
    leaf.set_requires_grad(true);
    weights_[name] = leaf;
  }
  if (what_ == "bias" && weights_.empty())
    throw UsageError("fine-tuning with what=bias has nothing to learn: no weight of this " +
                     frozen_->shape().family + " model is a bias; use what=all.");
  if (what_ != "head")
    return;
  for (const Task& task : problem.tasks)
    if (task.train && task.verbalizer.parameters().empty())
      throw UsageError("fine-tuning with what=head learns what the verbalizer has, and that of the task \"" +
                       task.name + "\" has nothing to learn; choose a verbalizer with a head of its own.");
}

std::vector<ParameterGroup> FineTuning::parameters() {
  ParameterGroup matrices{{}, 1.0, weight_decay_}, vectors{{}, 1.0, 0.0};
  for (const auto& [name, weight] : weights_)
    (weight.dim() > 1 ? matrices : vectors).tensors.push_back(weight);
  std::vector<ParameterGroup> groups;
  for (ParameterGroup* group : {&matrices, &vectors})
    if (!group->tensors.empty())
      groups.push_back(std::move(*group));
  return groups;
}

FitSettings FineTuning::defaults(const FitSettings& asked) const {
  FitSettings settings = asked;
  if (settings.learning_rate <= 0)
    settings.learning_rate = what_ == "all" ? 2e-5 : 1e-3;
  if (settings.batch_size <= 0)
    settings.batch_size = 16;
  if (settings.epochs <= 0 && settings.steps <= 0)
    settings.epochs = what_ == "all" ? 3 : 6;
  if (settings.warmup < 0)
    settings.warmup = 0.1;
  if (settings.schedule.empty())
    settings.schedule = "linear";
  return settings;
}

Learned FineTuning::export_learned(int64_t) const {
  Learned learned;
  int64_t count = 0, whole = 0;
  for (const auto& [name, original] : frozen_->weights()) {
    whole += original.numel();
    const auto own = weights_.find(name);
    if (own == weights_.end() || at::equal(own->second, original))
      continue;
    learned.tensors[name] = own->second.detach();
    count += original.numel();
  }
  if (!weights_.empty())
    learned.texts["weights"] = "this card holds " + std::to_string(count) + " of the model's " +
                               std::to_string(whole) + " weights, in " +
                               std::to_string(learned.tensors.size()) + " tensors";
  return learned;
}

void FineTuning::import_learned(const Learned& learned) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : learned.tensors) {
    const auto own = weights_.find(name);
    if (own == weights_.end() || own->second.sizes() != tensor.sizes() || !tensor.is_floating_point())
      throw DataError("the card's weight \"" + name + "\" doesn't fit: with what=" + what_ +
                      " the model has no such floating-point weight of that shape.");
  }
  // Weights that the card does not hold are the model's own, whatever was learned here before.
  for (auto& [name, weight] : weights_) {
    const auto held = learned.tensors.find(name);
    weight.copy_(held == learned.tensors.end() ? frozen_->weights().at(name) : held->second);
  }
}

} // namespace cuecard
