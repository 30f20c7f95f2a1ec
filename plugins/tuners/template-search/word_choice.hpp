/// Label words for a template (Gao et al. 2021, section 5.1): for each label a pool of words that are probable for its own
/// examples, and from these pools the words that separate the labels best.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// `means` [labels, vocabulary]: mean log-probability at the answer slot over the examples of each label.
/// Returns the `count` most probable of the tokens `words` for each label: [labels][count].
std::vector<std::vector<int64_t>> most_probable_words(const at::Tensor& means,
                                                      const std::vector<int64_t>& words, int64_t count);

struct ChosenWords {
  std::vector<int64_t> columns; ///< of each label, index into its pool
  double loss = 0;              ///< mean over the examples
};

/// `logits` [examples, labels, pool] of the words in `pools` [labels][pool]; `labels` [examples]. Chooses one
/// word per label, all distinct, by coordinate descent on the cross-entropy: starts from the most probable
/// words and changes one label's word at a time while that lowers the loss.
ChosenWords choose_words(const at::Tensor& logits, const at::Tensor& labels,
                         const std::vector<std::vector<int64_t>>& pools);

} // namespace cuecard
