/// Models of one configuration with variants of a test's weights: more precise, rounded, changed or trained.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard::testing {

/// Creates the model of one configuration with the given weights.
using MakeBackbone = std::function<std::unique_ptr<Backbone>(const Weights&)>;

template <class Model>
MakeBackbone maker_of(const Configuration& configuration) {
  return [configuration](const Weights& weights) {
    return std::make_unique<Model>(BackboneArguments{configuration, weights});
  };
}

namespace conformance {

/// The same weights in float64.
class DoubleWeights final : public Weights {
public:
  explicit DoubleWeights(const Weights& base) : base_(base) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return base_.get(name, shape).to(at::kDouble);
  }

private:
  const Weights& base_;
};

/// The same weights with matrices rounded to bfloat16; stored matrices if `stored`.
class RoundedWeights final : public Weights {
public:
  RoundedWeights(const Weights& base, bool stored) : base_(base), stored_(stored) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor tensor = base_.get(name, shape);
    return tensor.dim() == 2 ? tensor.to(at::kBFloat16).to(at::kFloat) : tensor;
  }
  at::Tensor matrix(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor tensor = base_.get(name, shape);
    return stored_ && tensor.dim() == 2
               ? stored_matrix(tensor.to(at::kBFloat16).view(at::kByte), *block_type(bf16_id))
               : get(name, shape);
  }

private:
  const Weights& base_;
  bool stored_;
};

/// Weights some of which are changed.
class ChangedWeights final : public Weights {
public:
  using Changes = std::map<std::string, std::function<at::Tensor(const at::Tensor&)>, std::less<>>;

  ChangedWeights(const Weights& base, Changes changes) : base_(base), changes_(std::move(changes)) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const at::Tensor weight = base_.get(name, shape);
    const auto found = changes_.find(name);
    return found == changes_.end() ? weight : found->second(weight);
  }

private:
  const Weights& base_;
  Changes changes_;
};

/// Trainable weights: float64 leaves, the same tensor for every request of a name.
class Leaves final : public Weights {
public:
  explicit Leaves(const Weights& base) : base_(base) {}

  bool has(std::string_view name) const override { return base_.has(name); }
  std::vector<std::string> names() const override { return base_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    at::Tensor& leaf = leaves_[std::string(name)];
    if (!leaf.defined())
      leaf = base_.get(name, shape).to(at::kDouble).set_requires_grad(true);
    return leaf;
  }

private:
  const Weights& base_;
  mutable std::map<std::string, at::Tensor> leaves_;
};

} // namespace conformance

} // namespace cuecard::testing
