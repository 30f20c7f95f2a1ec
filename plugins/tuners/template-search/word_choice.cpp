#include "word_choice.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

std::vector<std::vector<int64_t>> most_probable_words(const at::Tensor& means,
                                                      const std::vector<int64_t>& words, int64_t count) {
  const at::Tensor of_words = means.index_select(1, index_tensor(words, means.device()));
  const auto found = at::topk(of_words, std::min(count, of_words.size(1)), 1);
  const at::Tensor best = std::get<1>(found).to(at::kCPU).contiguous();
  std::vector<std::vector<int64_t>> pools;
  for (int64_t label = 0; label < best.size(0); ++label) {
    pools.emplace_back();
    for (int64_t i = 0; i < best.size(1); ++i)
      pools.back().push_back(
          words[static_cast<std::size_t>(best.const_data_ptr<int64_t>()[label * best.size(1) + i])]);
  }
  return pools;
}

ChosenWords choose_words(const at::Tensor& logits, const at::Tensor& labels,
                         const std::vector<std::vector<int64_t>>& pools) {
  const at::Tensor values = logits.to(at::kCPU, at::kDouble), gold = labels.to(at::kCPU);
  const std::size_t count = pools.size();
  ChosenWords chosen;
  const auto token = [&](std::size_t label, int64_t column) {
    return pools[label][static_cast<std::size_t>(column)];
  };
  const auto taken = [&](std::size_t label, int64_t column) {
    for (std::size_t other = 0; other < chosen.columns.size(); ++other)
      if (other != label && token(other, chosen.columns[other]) == token(label, column))
        return true;
    return false;
  };
  for (std::size_t label = 0; label < count; ++label) {
    int64_t column = 0;
    while (column < std::ssize(pools[label]) && taken(label, column))
      ++column;
    if (column == std::ssize(pools[label]))
      throw DataError("the labels have the same most probable words: search among more words (word-pool).");
    chosen.columns.push_back(column);
  }
  const auto loss_of = [&](const std::vector<int64_t>& columns) {
    std::vector<at::Tensor> of_words;
    for (std::size_t label = 0; label < count; ++label)
      of_words.push_back(values.select(1, static_cast<int64_t>(label)).select(1, columns[label]));
    return at::cross_entropy_loss(at::stack(of_words, 1), gold).item<double>();
  };
  chosen.loss = loss_of(chosen.columns);
  for (bool better = true; better;) {
    better = false;
    for (std::size_t label = 0; label < count; ++label)
      for (int64_t column = 0; column < std::ssize(pools[label]); ++column) {
        std::vector<int64_t> tried = chosen.columns;
        tried[label] = column;
        if (taken(label, column) || !(loss_of(tried) < chosen.loss))
          continue;
        chosen = {tried, loss_of(tried)};
        better = true;
      }
  }
  return chosen;
}

} // namespace cuecard
