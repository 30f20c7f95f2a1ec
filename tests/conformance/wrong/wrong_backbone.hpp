/// The decoder of the scaffold (sdk/scaffolds/backbone), right or with one fault.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "fault.hpp"
#include "my_plugin.hpp"

namespace wrong {

/// Copies of another checkpoint's tensors.
class CopiedWeights final : public cuecard::Weights {
public:
  explicit CopiedWeights(const cuecard::Weights& base) : base_(base) {}
  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return base_.get(name, shape).detach().clone();
  }

private:
  const cuecard::Weights& base_;
};

class Backbone final : public cuecard::Backbone {
public:
  static cuecard::BackboneShape describe(const cuecard::Configuration& configuration) {
    cuecard::BackboneShape shape = my_plugin::MyPlugin::describe(configuration);
    shape.layers += wrong::has("describes-another-model");
    if (wrong::has("sees-beyond-its-windows") && configuration.has("sliding_window"))
      shape.windows.assign(static_cast<std::size_t>(shape.layers), configuration.integer("sliding_window", 1));
    return shape;
  }

  explicit Backbone(const cuecard::BackboneArguments& arguments)
      : copied_(arguments.weights),
        model_({arguments.configuration, wrong::has("copies-weights")
                                             ? static_cast<const cuecard::Weights&>(copied_)
                                             : arguments.weights}),
        given_({arguments.configuration, arguments.weights}), shape_(model_.shape()) {
    if (wrong::has("sees-beyond-its-windows"))
      shape_.windows = describe(arguments.configuration).windows;
    if (wrong::has("says-bidirectional"))
      shape_.causal = false;
  }

  const cuecard::BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return model_.device(); }
  at::Tensor token_vectors(cuecard::TokenTable table, const at::Tensor& ids) const override {
    const at::Tensor rows = model_.token_vectors(table, ids);
    return wrong::has("rows-in-the-type-of-the-weights")
               ? rows.to(model_.weights().begin()->second.scalar_type())
               : rows;
  }
  at::Tensor token_dot_products(cuecard::TokenTable table, const at::Tensor& vectors) const override {
    return model_.token_dot_products(table, vectors);
  }
  at::Tensor forward(const cuecard::ForwardArgs& args) const override {
    cuecard::Batch batch = args.batch;
    cuecard::BatchConditioning conditioning = args.conditioning;
    const int64_t layers = wrong::has("runs-all-layers") ? -1 : args.layers;
    if (wrong::has("ignores-soft-slots"))
      batch.input.soft_tokens = batch.input.soft_slots = at::Tensor();
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
    if (wrong::has("reads-a-hidden-state"))
      (void)states.sum().item<double>();
    if (wrong::has("keeps-a-table-on-the-cpu"))
      states = states + at::zeros({states.size(1)});
    if (wrong::has("mixes-sequences") && states.size(0) > 1)
      states = states + 0.01 * states.mean(0, true);
    if (wrong::has("confuses-cached-tokens") && batch.cache)
      states = -states;
    return wrong::has("cuts-gradients") ? states.detach() : states;
  }
  at::Tensor project(const cuecard::ProjectArgs& args) const override {
    cuecard::OutputRequest request = args.request;
    if (wrong::has("no-log-probabilities") && request.kind == cuecard::OutputRequest::Kind::log_probs)
      request.kind = cuecard::OutputRequest::Kind::logits;
    return model_.project({args.hidden, request, args.targets});
  }
  const std::map<std::string, at::Tensor>& weights() const override { return given_.weights(); }
  const std::vector<cuecard::LinearLayer>& linear_layers() const override { return model_.linear_layers(); }

private:
  CopiedWeights copied_;
  my_plugin::MyPlugin model_, given_;
  cuecard::BackboneShape shape_;
};

} // namespace wrong
