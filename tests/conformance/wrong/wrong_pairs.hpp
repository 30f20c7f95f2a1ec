/// T5 (plugins/backbones/t5), right or with one fault that only an encoder-decoder can have.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "fault.hpp"
#include "t5.hpp"

namespace wrong {

class Pairs final : public cuecard::Backbone {
public:
  static cuecard::BackboneShape describe(const cuecard::Configuration& configuration) {
    return cuecard::t5::T5::describe(configuration);
  }

  explicit Pairs(const cuecard::BackboneArguments& arguments) : model_(arguments) {}

  const cuecard::BackboneShape& shape() const override { return model_.shape(); }
  at::Device device() const override { return model_.device(); }
  at::Tensor token_vectors(cuecard::TokenTable table, const at::Tensor& ids) const override {
    return model_.token_vectors(table, ids);
  }
  at::Tensor token_dot_products(cuecard::TokenTable table, const at::Tensor& vectors) const override {
    return model_.token_dot_products(table, vectors);
  }
  at::Tensor forward(const cuecard::ForwardArgs& args) const override {
    cuecard::Batch batch = args.batch;
    if (wrong::has("outputs-see-the-first-input"))
      std::fill(batch.source_of.begin(), batch.source_of.end(), 0);
    at::Tensor states =
        model_.forward({batch, args.conditioning, args.cache_out, args.all_tokens, args.layers});
    if (wrong::has("outputs-see-what-follows") && batch.output && args.all_tokens)
      states = states + 0.01 * states.mean(0, true);
    if (wrong::has("confuses-cached-outputs") && batch.output && batch.cache)
      states = -states;
    return states;
  }
  at::Tensor project(const cuecard::ProjectArgs& args) const override { return model_.project(args); }
  const std::map<std::string, at::Tensor>& weights() const override { return model_.weights(); }
  const std::vector<cuecard::LinearLayer>& linear_layers() const override { return model_.linear_layers(); }

private:
  cuecard::t5::T5 model_;
};

} // namespace wrong
