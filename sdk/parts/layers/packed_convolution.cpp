#include <cuecard/parts/layers/packed_convolution.hpp>

#include <vector>

#include <ATen/ops/conv1d.h>
#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// The row of each token if sequences are concatenated with `gap` rows after each, and after its late tokens.
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

at::Tensor packed_convolution(const at::Tensor& x, const Side& side, const at::Tensor& weight,
                              const at::Tensor& bias, int64_t groups) {
  const int64_t reach = weight.size(2) / 2;
  const std::vector<int64_t> places = places_of(side, reach);
  if (places.empty())
    return x;
  const at::Tensor index = index_tensor(places, x.device());
  const at::Tensor apart = at::zeros({places.back() + 1, x.size(1)}, x.options()).index_copy(0, index, x);
  return at::conv1d(apart.t().unsqueeze(0), weight, bias, 1, reach, 1, groups)
      .squeeze(0)
      .t()
      .index_select(0, index);
}

} // namespace cuecard
