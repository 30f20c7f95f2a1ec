/// The decoder of the scaffold (sdk/scaffolds/backbone), right or with one fault.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "fault.hpp"
#include "my_plugin.hpp"

namespace wrong {

using namespace cuecard;

/// Copies of another checkpoint's tensors.
class CopiedWeights final : public Weights {
public:
  explicit CopiedWeights(const Weights& base) : base_(base) {}
  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return base_.get(name, shape).detach().clone();
  }

private:
  const Weights& base_;
};

class Backbone final : public cuecard::Backbone {
public:
  static BackboneShape describe(const Configuration& configuration) {
    BackboneShape shape = my_plugin::MyPlugin::describe(configuration);
    shape.layers += wrong::has("describes-another-model");
    return shape;
  }

  explicit Backbone(const BackboneArguments& arguments)
      : copied_(arguments.weights),
        model_({arguments.configuration,
                wrong::has("copies-weights") ? static_cast<const Weights&>(copied_) : arguments.weights}),
        given_({arguments.configuration, arguments.weights}), shape_(model_.shape()) {
    if (wrong::has("says-bidirectional"))
      shape_.causal = false;
  }

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return model_.device(); }
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override {
    return model_.token_vectors(table, ids);
  }
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& vectors) const override {
    return model_.token_dot_products(table, vectors);
  }
  at::Tensor forward(const ForwardArgs& args) const override {
    Batch batch = args.batch;
    BatchConditioning conditioning = args.conditioning;
    const int64_t layers = wrong::has("runs-all-layers") ? -1 : args.layers;
    if (wrong::has("ignores-soft-slots"))
      batch.input.soft_tokens = batch.input.soft_slots = {};
    if (wrong::has("ignores-late-tokens"))
      conditioning.late_embeddings = at::zeros_like(
          conditioning.late_embeddings.defined() ? conditioning.late_embeddings : at::zeros({0}));
    if (wrong::has("ignores-prefixes")) {
      conditioning.prefixes.clear();
      conditioning.prefix_cards.clear();
    }
    if (wrong::has("ignores-updates")) {
      conditioning.low_rank.clear();
      conditioning.low_rank_cards.clear();
    }
    at::Tensor states = model_.forward({batch, conditioning, args.cache_out, args.all_tokens, layers});
    if (wrong::has("mixes-sequences") && states.size(0) > 1)
      states = states + 0.01 * states.mean(0, true);
    if (wrong::has("confuses-cached-tokens") && batch.cache)
      states = -states;
    return wrong::has("cuts-gradients") ? states.detach() : states;
  }
  at::Tensor project(const ProjectArgs& args) const override {
    OutputRequest request = args.request;
    if (wrong::has("no-log-probabilities") && request.kind == OutputRequest::Kind::log_probs)
      request.kind = OutputRequest::Kind::logits;
    return model_.project({args.hidden, request, args.targets});
  }
  const std::map<std::string, at::Tensor>& weights() const override { return given_.weights(); }
  const std::vector<LinearLayer>& linear_layers() const override { return model_.linear_layers(); }

private:
  CopiedWeights copied_;
  my_plugin::MyPlugin model_, given_;
  BackboneShape shape_;
};

} // namespace wrong
