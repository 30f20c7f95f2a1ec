/// Label words by the paper's two steps (Shin et al. 2020, section 2.3): a linear classifier learns the label
/// from the states at the answer slot; the words whose own output rows it gives to a label most surely stand
/// for it.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Logistic regression from zero weights: `states` [rows, width] and `labels` [rows] int64 to weights
/// [classes, width] float32. Adam 3e-4, batches of 32 in an order by `seed` (ucinlp/autoprompt,
/// label_search.py).
at::Tensor label_classifier(const at::Tensor& states, const at::Tensor& labels, int64_t classes, int64_t epochs,
                            uint64_t seed);

/// `products` [classes, vocabulary]: the classifier's weights times the output rows. Of the tokens `words` each
/// goes to the label that it speaks for most; returned are the `count` most probable of each, p(label | word) =
/// softmax over the labels, best first. DataError when a label gets none.
std::vector<std::vector<int64_t>> most_telling(const at::Tensor& products, const std::vector<int64_t>& words,
                                               int64_t count);

} // namespace cuecard
