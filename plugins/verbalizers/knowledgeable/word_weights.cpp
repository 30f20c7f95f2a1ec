#include "word_weights.hpp"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard::knowledgeable {

WordWeights::WordWeights(const std::vector<int64_t>& words, bool trainable, const at::Device& device) {
  const int64_t labels = std::ssize(words), most = *std::max_element(words.begin(), words.end());
  std::vector<int64_t> columns;
  at::Tensor absent = at::zeros({labels, most}, at::kBool);
  int64_t first = 0;
  for (int64_t label = 0; label < labels; ++label) {
    const int64_t count = words[static_cast<std::size_t>(label)];
    for (int64_t w = 0; w < most; ++w) {
      columns.push_back(first + std::min(w, count - 1));
      absent.data_ptr<bool>()[label * most + w] = w >= count;
    }
    first += count;
  }
  columns_ = index_tensor(columns, device);
  absent_ = absent.to(device);
  weights_ = at::zeros({first}, at::kFloat).to(device);
  weights_.set_requires_grad(trainable);
}

void WordWeights::set(const at::Tensor& values) {
  const at::NoGradGuard no_grad;
  weights_.copy_(values);
}

at::Tensor WordWeights::operator()(const at::Tensor& log_probs, double temperature) const {
  const at::Tensor shares = weights_.mul(temperature)
                                .to(log_probs.scalar_type())
                                .index_select(0, columns_)
                                .view(absent_.sizes())
                                .masked_fill(absent_, -std::numeric_limits<float>::infinity())
                                .softmax(1);
  const at::Tensor words =
      log_probs.index_select(1, columns_).view({log_probs.size(0), absent_.size(0), absent_.size(1)});
  return words.mul(shares).sum(2);
}

} // namespace cuecard::knowledgeable
