/// Label words for a template (Gao et al. 2021, section 5.1): for each label the words that its own rows make
/// likely, and among those the ones that tell the labels apart best.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// `means` [labels, vocabulary]: mean log-probability at the answer slot over the rows of each label. Of the
/// tokens `words` the `pool` likeliest of each label: [labels][pool].
std::vector<std::vector<int64_t>> likely_words(const at::Tensor& means, const std::vector<int64_t>& words,
                                               int64_t pool);

struct ChosenWords {
  std::vector<int64_t> columns; ///< of each label, among its own pool
  double loss = 0;              ///< mean over the rows
};

/// `scores` [rows, labels, pool]: what each row gives each pooled word; `labels` [rows]. The choice of one word
/// a label, no two the same token of `pools`, whose cross-entropy is lowest as far as changing one label's word
/// at a time finds it, from the likeliest on.
ChosenWords choose_words(const at::Tensor& scores, const at::Tensor& labels,
                         const std::vector<std::vector<int64_t>>& pools);

} // namespace cuecard
