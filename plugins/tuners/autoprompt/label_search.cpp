#include "label_search.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/optimizer.hpp>

namespace cuecard {

namespace {

constexpr double learning_rate = 3e-4;
constexpr int64_t batch_size = 32;
constexpr uint64_t order_stream = stream_id("labl");

} // namespace

at::Tensor label_classifier(const at::Tensor& states, const at::Tensor& labels, int64_t classes, int64_t epochs,
                            uint64_t seed) {
  const int64_t examples = states.size(0);
  const at::AutoGradMode enable_grad(true);
  const at::TensorOptions options = states.options().dtype(at::kFloat);
  at::Tensor weights = at::zeros({classes, states.size(1)}, options).set_requires_grad(true);
  at::Tensor bias = at::zeros({classes}, options).set_requires_grad(true);
  const std::vector<ParameterGroup> groups{{{weights, bias}, 1.0, 0.0}};
  const auto optimizer = make_optimizer("adam", groups);
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    const std::vector<int64_t> order =
        Random(seed, order_stream + static_cast<uint64_t>(epoch)).permutation(examples);
    for (int64_t begin = 0; begin < examples; begin += batch_size) {
      const auto size = static_cast<std::size_t>(std::min(batch_size, examples - begin));
      const at::Tensor batch =
          index_tensor(std::span(order).subspan(static_cast<std::size_t>(begin), size), states.device());
      const at::Tensor logits = states.index_select(0, batch).matmul(weights.t()) + bias;
      clear_gradients(groups);
      at::cross_entropy_loss(logits, labels.index_select(0, batch)).backward();
      optimizer->step(learning_rate);
    }
  }
  return weights.detach();
}

std::vector<std::vector<int64_t>> most_telling(const at::Tensor& products, const std::vector<int64_t>& words,
                                               int64_t count) {
  const int64_t classes = products.size(0);
  const at::Tensor log_probs = at::log_softmax(
      products.index_select(1, index_tensor(words, products.device())).to(at::kCPU, at::kDouble), 0);
  const at::Tensor best_label = log_probs.argmax(0).contiguous();
  std::vector<std::vector<int64_t>> found;
  for (int64_t label = 0; label < classes; ++label) {
    const at::Tensor of_label = log_probs.select(0, label).contiguous();
    const double* log_prob = of_label.const_data_ptr<double>();
    std::vector<std::size_t> assigned;
    for (std::size_t word = 0; word < words.size(); ++word)
      if (best_label.const_data_ptr<int64_t>()[word] == label)
        assigned.push_back(word);
    std::stable_sort(assigned.begin(), assigned.end(),
                     [&](std::size_t a, std::size_t b) { return log_prob[a] > log_prob[b]; });
    if (assigned.empty())
      throw DataError("no word of the vocabulary is most probable for label " + std::to_string(label + 1) +
                      ": add training examples of this label, or set its words in the task file.");
    assigned.resize(std::min(assigned.size(), static_cast<std::size_t>(count)));
    found.emplace_back();
    for (const std::size_t word : assigned)
      found.back().push_back(words[word]);
  }
  return found;
}

} // namespace cuecard
