/// Random weights that are drawn once, for backbones that are created many times.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/testing/random_weights.hpp>

namespace cuecard::conformance {

/// Threads: any.
class KeptWeights final : public Weights {
public:
  explicit KeptWeights(uint64_t seed) : drawn_(seed) {}

  bool has(std::string_view name) const override { return drawn_.has(name); }
  std::vector<std::string> names() const override { return drawn_.names(); }
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    const std::lock_guard lock(mutex_);
    at::Tensor& kept = kept_[std::string(name)];
    if (!kept.defined() || kept.sizes() != shape)
      kept = drawn_.get(name, shape);
    return kept;
  }

private:
  testing::RandomWeights drawn_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, at::Tensor> kept_;
};

} // namespace cuecard::conformance
