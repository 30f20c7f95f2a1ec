#include "label_search.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/optimizer.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard {

namespace {

constexpr double learning_rate = 3e-4;
constexpr int64_t batch_size = 32;
constexpr uint64_t order_stream = 0x6c61626c; // "labl"

} // namespace

at::Tensor label_classifier(const at::Tensor& states, const at::Tensor& labels, int64_t classes, int64_t epochs,
                            uint64_t seed) {
  const int64_t rows = states.size(0);
  const at::AutoGradMode learning(true);
  const at::TensorOptions as_states = states.options().dtype(at::kFloat);
  at::Tensor weights = at::zeros({classes, states.size(1)}, as_states).set_requires_grad(true);
  at::Tensor bias = at::zeros({classes}, as_states).set_requires_grad(true);
  const std::vector<ParameterGroup> groups{{{weights, bias}, 1.0, 0.0}};
  const auto optimizer = make_optimizer("adam", groups);
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const std::vector<int64_t> order =
        Random(seed, order_stream + static_cast<uint64_t>(epoch)).permutation(rows);
    for (int64_t begin = 0; begin < rows; begin += batch_size) {
      const auto size = static_cast<std::size_t>(std::min(batch_size, rows - begin));
      const at::Tensor batch =
          index_tensor(std::span(order).subspan(static_cast<std::size_t>(begin), size), states.device());
      const at::Tensor scores = states.index_select(0, batch).matmul(weights.t()) + bias;
      clear_gradients(groups);
      at::cross_entropy_loss(scores, labels.index_select(0, batch)).backward();
      optimizer->step(learning_rate);
    }
  }
  return weights.detach();
}

std::vector<std::vector<int64_t>> most_telling(const at::Tensor& products, const std::vector<int64_t>& words,
                                               int64_t count) {
  const int64_t classes = products.size(0);
  const at::Tensor sure = at::log_softmax(
      products.index_select(1, index_tensor(words, products.device())).to(at::kCPU, at::kDouble), 0);
  const at::Tensor surest = sure.argmax(0).contiguous();
  std::vector<std::vector<int64_t>> found;
  for (int64_t label = 0; label < classes; ++label) {
    const at::Tensor own = sure.select(0, label).contiguous();
    const double* value = own.const_data_ptr<double>();
    std::vector<std::size_t> mine;
    for (std::size_t word = 0; word < words.size(); ++word)
      if (surest.const_data_ptr<int64_t>()[word] == label)
        mine.push_back(word);
    std::stable_sort(mine.begin(), mine.end(),
                     [&](std::size_t a, std::size_t b) { return value[a] > value[b]; });
    if (mine.empty())
      throw DataError("no word of the vocabulary speaks for label " + std::to_string(label + 1) +
                      " more than for others: give the task more rows of it, or its words by hand.");
    mine.resize(std::min(mine.size(), static_cast<std::size_t>(count)));
    found.emplace_back();
    for (const std::size_t word : mine)
      found.back().push_back(words[word]);
  }
  return found;
}

} // namespace cuecard
