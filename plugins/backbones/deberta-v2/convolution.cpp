#include "convolution.hpp"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard::deberta {

namespace {

/// Where each token is when sequences lie end to end with `gap` zeros after each, and after its late tokens.
std::vector<int64_t> places_of(const Side& side, int64_t gap) {
  std::vector<int64_t> places;
  int64_t skipped = 0;
  for (int64_t s = 0; s < side.num_sequences(); ++s) {
    const auto at = static_cast<std::size_t>(s);
    const int64_t late = side.late_lengths.empty() ? 0 : side.late_lengths[at];
    for (int64_t token = side.offsets[at]; token < side.offsets[at + 1]; ++token) {
      if (late > 0 && token == side.offsets[at] + late)
        skipped += gap;
      places.push_back(token + skipped);
    }
    skipped += gap;
  }
  return places;
}

} // namespace

ConvolutionConfiguration::ConvolutionConfiguration(const Configuration& c, int64_t hidden)
    : kernel(c.integer_or("conv_kernel_size", 0, 0, 1024)), groups(c.integer_or("conv_groups", 1, 1, 1 << 20)),
      activation(activation_of(c, "conv_act", "tanh")) {
  if (kernel > 0 && kernel % 2 == 0)
    throw DataError(c.origin() + ": conv_kernel_size is " + std::to_string(kernel) +
                    "; expected an odd number, or 0 for no convolution.");
  if (hidden % groups != 0)
    throw DataError(c.origin() + ": conv_groups is " + std::to_string(groups) +
                    ", which does not divide hidden_size " + std::to_string(hidden) + ".");
}

at::Tensor Convolution::operator()(const at::Tensor& embedded, const at::Tensor& x, const Side& side,
                                   const ForwardPass& pass) const {
  const int64_t reach = configuration.kernel / 2;
  const std::vector<int64_t> places = places_of(side, reach);
  const at::Tensor index = index_tensor(places, embedded.device());
  const at::Tensor apart =
      at::zeros({places.empty() ? 0 : places.back() + 1, embedded.size(1)}, embedded.options())
          .index_copy(0, index, embedded);
  at::Tensor out = at::conv1d(apart.t().unsqueeze(0), weight, bias, 1, reach, 1, configuration.groups)
                       .squeeze(0)
                       .t()
                       .index_select(0, index);
  if (x.size(0) != out.size(0))
    out = out.index_select(0, pass.selected_tokens());
  return norm(x + activate(configuration.activation, out));
}

} // namespace cuecard::deberta
