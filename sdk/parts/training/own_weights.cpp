#include <cuecard/parts/training/own_weights.hpp>

#include <cstdint>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

void OwnWeights::copy(const Backbone& backbone, const std::function<bool(const std::string&)>& selects) {
  backbone_ = &backbone;
  tensors_.clear();
  for (const auto& [name, weight] : backbone.weights()) {
    if (!selects(name))
      continue;
    if (weight.scalar_type() != at::kFloat)
      throw UsageError(
          "the model's weights are trained in float32, because smaller types would round small steps away; use "
          "--dtype float32.");
    at::Tensor leaf = dense(weight).detach().clone();
    leaf.set_requires_grad(true);
    tensors_[name] = leaf;
  }
}

std::vector<ParameterGroup> OwnWeights::groups(double learning_rate_scale, double weight_decay) const {
  ParameterGroup matrices{{}, learning_rate_scale, weight_decay}, vectors{{}, learning_rate_scale, 0.0};
  for (const auto& [name, weight] : tensors_)
    (weight.dim() > 1 ? matrices : vectors).tensors.push_back(weight);
  std::vector<ParameterGroup> groups;
  for (ParameterGroup* group : {&matrices, &vectors})
    if (!group->tensors.empty())
      groups.push_back(std::move(*group));
  return groups;
}

void OwnWeights::add_to(ComponentState& state, const std::string& prefix) const {
  if (tensors_.empty())
    return;
  int64_t count = 0, tensors = 0, whole = 0;
  for (const auto& [name, original] : backbone_->weights()) {
    whole += original.numel();
    const auto own = tensors_.find(name);
    if (own == tensors_.end() || at::equal(own->second, dense(original)))
      continue;
    state.tensors[prefix + name] = own->second.detach();
    count += original.numel();
    ++tensors;
  }
  state.texts["weights"] = "this card holds " + std::to_string(count) + " of the model's " +
                           std::to_string(whole) + " weights, in " + counted(tensors, "tensor");
}

void OwnWeights::take_from(const ComponentState& state, const std::string& prefix) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state.tensors) {
    if (!name.starts_with(prefix))
      continue;
    const auto own = tensors_.find(name.substr(prefix.size()));
    if (own == tensors_.end() || own->second.sizes() != tensor.sizes() || !tensor.is_floating_point())
      throw DataError("the card's weight \"" + name +
                      "\" doesn't fit: no weight of that name and shape is trained with the card's options.");
  }
  for (auto& [name, weight] : tensors_) {
    const auto held = state.tensors.find(prefix + name);
    weight.copy_(held == state.tensors.end() ? dense(backbone_->weights().at(name)) : held->second);
  }
}

} // namespace cuecard
