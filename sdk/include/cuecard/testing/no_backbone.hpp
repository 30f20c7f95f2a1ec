/// For tests of templates, verbalizers and tuners that only need a model's shape.
#pragma once

#include <map>
#include <string>

#include <cuecard/backbone.hpp>

namespace cuecard::testing {

/// A model without weights: it has a head over the vocabulary and computes nothing.
class NoBackbone : public Backbone {
public:
  NoBackbone() { shape_.has_lm_head = true; }

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor token_vectors(TokenTable, const at::Tensor&) const override { return {}; }
  at::Tensor token_dot_products(TokenTable, const at::Tensor&) const override { return {}; }
  at::Tensor forward(const ForwardArgs&) const override { return {}; }
  at::Tensor project(const ProjectArgs&) const override { return {}; }
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }
  const std::vector<LinearLayer>& linear_layers() const override { return linear_layers_; }

  /// Tests may change it.
  BackboneShape shape_;

private:
  std::map<std::string, at::Tensor> weights_;
  std::vector<LinearLayer> linear_layers_;
};

} // namespace cuecard::testing
