/// The short sequences that all checks of backbones use, and how their outputs are compared.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard::testing::conformance {

inline const std::vector<int64_t> front{7, 8, 9, 10}, first{11, 12, 13}, second{14, 15};

inline std::vector<int64_t> joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Equal up to rounding.
inline bool same(const at::Tensor& a, const at::Tensor& b) {
  const double tolerance = a.scalar_type() == at::kDouble ? 1e-10 : 1e-5;
  return a.sizes() == b.sizes() && at::allclose(a, b, tolerance, tolerance);
}

/// Layers of the stack that reads the input side.
inline int64_t input_layers(const BackboneShape& shape) {
  for (const BackboneShape::Site& site : shape.sites)
    if (site.site == PrefixSite::encoder)
      return site.layers;
  return shape.layers;
}

/// Hidden states of `tokens` tokens, as a layer could receive them.
inline at::Tensor random_states(const Backbone& model, int64_t tokens, uint64_t seed) {
  return Random(seed).normal_tensor({tokens, model.shape().hidden}, 1.0);
}

} // namespace cuecard::testing::conformance
