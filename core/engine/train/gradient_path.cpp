#include "engine/train/gradient_path.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <cuecard/error.hpp>

#include "engine/checks/returned_state.hpp"
#include "registry/guard.hpp"

namespace cuecard {

namespace {

bool differentiable(const at::Tensor& tensor) {
  return tensor.defined() && tensor.requires_grad();
}

bool differentiable(const Conditioning& conditioning) {
  return differentiable(conditioning.embeddings) || differentiable(conditioning.late_embeddings) ||
         std::ranges::any_of(
             conditioning.prefixes,
             [](const Prefix& each) { return differentiable(each.key) || differentiable(each.value); }) ||
         std::ranges::any_of(
             conditioning.low_rank,
             [](const LowRankUpdate& each) { return differentiable(each.a) || differentiable(each.b); }) ||
         std::ranges::any_of(conditioning.rescalings,
                             [](const Rescaling& each) { return differentiable(each.factors); });
}

[[noreturn]] void blame(const CardComponent& component, const char* function, const std::string& text) {
  throw registry::HostPluginError(component.plugin, component.component, function, text);
}

} // namespace

void require_gradient(const TaskPipeline& pipeline, const PassTensors& pass) {
  if (pass.loss.requires_grad())
    return;
  const Card& card = pipeline.record;
  const std::string cut = " no gradient, although ";
  if (differentiable(pass.scores))
    blame(card.verbalizer, "loss",
          "it returned a loss that requires" + cut + "the scores do; expected one computed from them");
  if (differentiable(pass.outputs))
    blame(card.verbalizer, "score",
          "it returned scores that require" + cut +
              "the model's outputs do; expected scores computed from them");
  const bool tuner_trains = has_tensors(pipeline.tuner->parameters());
  if (!differentiable(pass.hidden) && tuner_trains) {
    if (differentiable(pass.conditioning))
      blame(
          card.tuner, "condition",
          "it returned nothing that changes the model's outputs for these prompts, so there is nothing to train; "
          "expected updates, prefixes, or embeddings of soft slots that the prompts have");
    blame(
        card.tuner, "condition",
        "it returned no tensor that requires a gradient, although `parameters` has tensors; expected tensors computed from them");
  }
  if (has_tensors(pipeline.verbalizer->parameters()))
    blame(card.verbalizer, "score",
          "it returned scores that require" + cut +
              "`parameters` has tensors; expected scores computed from them");
}

} // namespace cuecard
