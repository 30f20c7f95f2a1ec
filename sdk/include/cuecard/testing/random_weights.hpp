/// For tests of backbone plugins: a model whose every tensor is drawn by seed when it is asked for, so that a
/// family can be tested without a checkpoint.
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
  /// `absent` says which names the checkpoint lacks; all others exist.
  explicit RandomWeights(uint64_t seed, std::function<bool(std::string_view)> absent = {})
      : seed_(seed), absent_(std::move(absent)) {}

  bool has(std::string_view name) const override { return !absent_ || !absent_(name); }
  std::vector<std::string> names() const override { return {}; }

  /// Normal with deviation 0.25, the same for a name whatever else was asked before.
  at::Tensor get(std::string_view name, at::IntArrayRef shape) const override {
    return Random(seed_, std::hash<std::string_view>{}(name)).normal_tensor(shape, 0.25);
  }

private:
  uint64_t seed_;
  std::function<bool(std::string_view)> absent_;
};

} // namespace cuecard::testing
