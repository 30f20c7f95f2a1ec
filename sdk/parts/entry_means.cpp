#include <cuecard/parts/entry_means.hpp>
#include <cuecard/parts/index_tensor.hpp>

#include <algorithm>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

namespace cuecard {

at::Tensor entry_means(const at::Tensor& values, const Batch& batch) {
  std::vector<int64_t> entry; // of each selected token
  std::vector<float> counts;  // selected tokens of each entry
  for (int64_t e = 0; e < batch.size(); ++e) {
    const auto at = static_cast<std::size_t>(e);
    const int64_t tokens = batch.answer_offsets[at + 1] - batch.answer_offsets[at];
    entry.insert(entry.end(), static_cast<std::size_t>(tokens), e);
    counts.push_back(static_cast<float>(std::max<int64_t>(tokens, 1)));
  }
  const at::Tensor index = index_tensor(entry, values.device());
  const at::Tensor divisor =
      at::from_blob(counts.data(), {batch.size(), 1}, at::kFloat).clone().to(values.device(), true);
  const at::Tensor sums = at::zeros({batch.size(), values.size(1)}, values.options().dtype(at::kFloat));
  return sums.index_add(0, index, values.to(at::kFloat)) / divisor;
}

} // namespace cuecard
