#include <cuecard/parts/layers/layers.hpp>

#include <ATen/ops/layer_norm.h>

namespace cuecard {

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, epsilon);
}

} // namespace cuecard
