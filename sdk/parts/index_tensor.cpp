#include <cuecard/parts/index_tensor.hpp>

#include <ATen/ops/from_blob.h>

namespace cuecard {

at::Tensor index_tensor(std::span<const int64_t> values, at::Device device) {
  return at::from_blob(const_cast<int64_t*>(values.data()), {std::ssize(values)}, at::kLong)
      .clone()
      .to(device, true);
}

} // namespace cuecard
