// The cases "backbone-device" and "backbone-dtype": the same model on another device, and in half precision.
#include <ATen/core/grad_mode.h>

#include "conformance/cases/backbone/checked_backbone.hpp"
#include "conformance/mirror.hpp"
#include "conformance/planted_task.hpp"

namespace cuecard::conformance {

namespace {

/// The same weights on another device, in another type.
class MovedWeights final : public Weights {
public:
  MovedWeights(const Weights& base, at::Device device, at::ScalarType dtype)
      : base_(base), device_(device), dtype_(dtype) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return base_.get(name, shape).to(device_, dtype_);
  }

private:
  const Weights& base_;
  at::Device device_;
  at::ScalarType dtype_;
};

Side moved(Side side, at::Device device) {
  for (at::Tensor* tensor : {&side.ids, &side.positions, &side.segments, &side.soft_tokens, &side.soft_slots})
    if (tensor->defined())
      *tensor = tensor->to(device);
  return side;
}

Batch moved(Batch batch, at::Device device) {
  batch.input = moved(std::move(batch.input), device);
  if (batch.output)
    batch.output = moved(std::move(*batch.output), device);
  batch.answer_tokens = batch.answer_tokens.to(device);
  return batch;
}

/// Soft embeddings, updates of every linear layer, and a prefix at every site, all of which get gradients.
BatchConditioning everything(const Backbone& model, std::vector<at::Tensor>& leaves) {
  BatchConditioning conditioning;
  checks::add(conditioning, checks::updates_everywhere(model, 1), -1);
  const BackboneShape& shape = model.shape();
  conditioning.embeddings = Random(2).normal_tensor({2, shape.embedding_width}, 0.25);
  for (const BackboneShape::Site& site : shape.sites) {
    const std::vector<int64_t> size{site.layers, 2, site.kv_heads, site.head_dim};
    conditioning.prefixes.push_back(
        {site.site, Random(3).normal_tensor(size, 0.25), Random(4).normal_tensor(size, 0.25), 2});
    conditioning.prefix_cards.push_back(-1);
  }
  const auto move = [&](at::Tensor& tensor) {
    tensor = tensor.to(model.device()).set_requires_grad(true);
    leaves.push_back(tensor);
  };
  move(conditioning.embeddings);
  for (Prefix& prefix : conditioning.prefixes)
    for (at::Tensor* tensor : {&prefix.key, &prefix.value})
      move(*tensor);
  for (LowRankUpdate& update : conditioning.low_rank)
    for (at::Tensor* tensor : {&update.a, &update.b})
      move(*tensor);
  for (Rescaling& rescaling : conditioning.rescalings)
    move(rescaling.factors);
  return conditioning;
}

/// A training step's passes and a cached pass; their results by name, on the CPU. `watch` is on while the device computes.
std::map<std::string, at::Tensor> results(const Backbone& model, Batch batch,
                                          const std::function<void(bool)>& watch) {
  const at::Device device = model.device();
  batch.input.soft_tokens = testing::long_tensor({1, 2});
  batch.input.soft_slots = testing::long_tensor({1, 0});
  batch = moved(std::move(batch), device);
  std::vector<at::Tensor> leaves;
  const BatchConditioning conditioning = everything(model, leaves);
  const bool head = model.shape().has_lm_head;
  const int64_t width = head ? model.shape().vocabulary : model.shape().hidden;
  const at::Tensor weights = at::arange(batch.answer_tokens.size(0) * width, at::kFloat)
                                 .cos()
                                 .view({batch.answer_tokens.size(0), width})
                                 .to(device);
  const OutputRequest request{head ? OutputRequest::Kind::log_probs : OutputRequest::Kind::hidden_states, {}};

  std::map<std::string, at::Tensor> found;
  watch(true);
  at::Tensor hidden = model.forward({batch, conditioning});
  at::Tensor outputs = model.project({hidden, request});
  (outputs * weights).sum().backward();
  watch(false);
  found["hidden states"] = hidden.detach().cpu();
  found["outputs"] = outputs.detach().cpu();
  for (std::size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].grad().defined())
      found["gradient " + std::to_string(i)] = leaves[i].grad().cpu();

  if (!model.shape().causal)
    return found;
  const at::NoGradGuard frozen;
  const auto kept = std::make_shared<KvCache>();
  const Batch front = moved(testing::batch_of({checks::front}), device),
              rest = moved(checks::continuing(testing::batch_of({checks::first, checks::second}), kept, {0, 0}),
                           device);
  watch(true);
  model.forward({front, {}, kept.get()});
  const at::Tensor continued = model.forward({rest, {}});
  watch(false);
  found["hidden states after cached tokens"] = continued.cpu();
  return found;
}

} // namespace

std::string backbone_device(const Subject& subject) {
  const MirrorDevice mirror;
  const Checking checking;
  const Checked each(subject);
  const MovedWeights there(each.weights, mirror.device(), at::kFloat);
  const std::unique_ptr<Backbone> model = each.make(there);
  require(model->device().type() == mirror.device().type(), "`device` does not say where its weights are.");
  const auto expected = results(*each.model, each.batch(), [](bool) {}),
             found = results(*model, each.batch(), [&](bool on) { mirror.watch(on); });
  for (const auto& [name, values] : expected) {
    require(found.contains(name), "on the mirror device there is no " + name + ".");
    const double difference = (found.at(name) - values).abs().max().item<double>(),
                 size = std::max(1.0, values.abs().max().item<double>());
    require(difference < 1e-3 * size,
            name + " on the mirror device differ from the CPU's by " + shown(difference) + ".");
  }
  return "";
}

std::string backbone_dtype(const Subject& subject) {
  const Checking checking;
  const Checked each(subject);
  const MovedWeights half(each.weights, at::kCPU, at::kBFloat16);
  const std::unique_ptr<Backbone> model = each.make(half);
  const BackboneShape& shape = model->shape();
  const auto expect = [](const std::string& what, const at::Tensor& values, at::ScalarType type) {
    require(values.scalar_type() == type, what + " of a model in bfloat16 are " +
                                              at::toString(values.scalar_type()) + "; expected " +
                                              at::toString(type) + ".");
    require(values.isfinite().all().item<bool>(), what + " of a model in bfloat16 are not finite.");
  };
  const at::NoGradGuard frozen;
  const at::Tensor ids = testing::long_tensor({7, 8});
  const at::Tensor rows = model->token_vectors(TokenTable::input, ids);
  expect("the rows that `token_vectors` returns", rows, at::kFloat);
  expect("the products that `token_dot_products` returns", model->token_dot_products(TokenTable::input, rows),
         at::kFloat);
  const at::Tensor hidden = model->forward({each.batch(), {}}),
                   precise = each.model->forward({each.batch(), {}});
  expect("the hidden states", hidden, at::kBFloat16);
  const double difference =
      (hidden.to(at::kFloat) - precise).norm().item<double>() / precise.norm().item<double>();
  constexpr double rounding = 0.2; // bfloat16 has eight bits, and an error grows from layer to layer
  require(difference < rounding, "hidden states in bfloat16 differ from those in float32 by " +
                                     shown(100 * difference) + "% of their norm.");
  if (!shape.has_lm_head)
    return "";
  expect("the log-probabilities", model->project({hidden, {OutputRequest::Kind::log_probs, {}}}), at::kFloat);
  const at::Tensor targets = testing::long_tensor({3, 9});
  expect("the log-probabilities of given tokens",
         model->project({hidden, {OutputRequest::Kind::target_log_probs, {}}, targets}), at::kFloat);
  return "";
}

} // namespace cuecard::conformance
