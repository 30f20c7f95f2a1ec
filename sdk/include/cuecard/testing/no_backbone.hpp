/// For tests of templates, verbalizers and tuners that only ask for a model's shape.
#pragma once

#include <map>
#include <string>

#include <cuecard/backbone.hpp>

namespace cuecard::testing {

/// A causal-or-not model without weights: it has a head over the vocabulary and computes nothing.
class NoBackbone : public Backbone {
public:
  NoBackbone() { shape_.scores_vocabulary = true; }

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor token_rows(TokenTable, const at::Tensor&) const override { return {}; }
  at::Tensor token_products(TokenTable, const at::Tensor&) const override { return {}; }
  at::Tensor forward(const ForwardArgs&) const override { return {}; }
  at::Tensor read(const ReadArgs&) const override { return {}; }
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }

  /// Tests may change what the model can do.
  BackboneShape shape_;

private:
  std::map<std::string, at::Tensor> weights_;
};

} // namespace cuecard::testing
