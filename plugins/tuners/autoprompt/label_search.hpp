/// Label words in two steps (Shin et al. 2020, section 2.3): a linear classifier is trained on the hidden
/// states at the answer slot; each label's words are those whose output embeddings it assigns to the label with
/// most confidence.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard {

/// Logistic regression from zero weights: `states` [examples, width] and `labels` [examples] int64 to weights
/// [classes, width] float32. Adam at 3e-4, shuffled batches of 32 (ucinlp/autoprompt, label_search.py).
at::Tensor label_classifier(const at::Tensor& states, const at::Tensor& labels, int64_t classes, int64_t epochs,
                            uint64_t seed);

/// `products` [classes, vocabulary]: the classifier's weights times the output embeddings. Assigns each of the
/// tokens `words` to its most probable label, p(label | word) = softmax over the labels, and returns the
/// `count` most probable of each label, best first. DataError when a label gets none.
std::vector<std::vector<int64_t>> most_telling(const at::Tensor& products, const std::vector<int64_t>& words,
                                               int64_t count);

} // namespace cuecard
