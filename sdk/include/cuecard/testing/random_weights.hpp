/// For tests of backbone plugins: a model with seeded random tensors, so that a family can be tested without a checkpoint.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <cuecard/parts/random.hpp>
#include <cuecard/weights.hpp>

namespace cuecard::testing {

class RandomWeights final : public Weights {
public:
  /// `absent` returns true for names that the checkpoint lacks; all others exist.
  explicit RandomWeights(uint64_t seed, std::function<bool(std::string_view)> absent = {})
      : seed_(seed), absent_(std::move(absent)) {}

  bool has(std::string_view name) const override { return !absent_ || !absent_(name); }
  std::vector<std::string> names() const override { return {}; }

  /// Normal with standard deviation 0.25, float32 on the CPU; depends only on the seed, the name and the shape. No name is an error.
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return Random(seed_, std::hash<std::string_view>{}(name)).normal_tensor(shape, 0.25);
  }

private:
  uint64_t seed_;
  std::function<bool(std::string_view)> absent_;
};

} // namespace cuecard::testing
