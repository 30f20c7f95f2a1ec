/// Filters of long lists of label words (Hu et al. 2022, section 3.3).
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::knowledgeable {

/// [label][words], true for the words to keep.
using WordMask = std::vector<std::vector<bool>>;

/// Drops a word of several labels from each list where it is not the first word, and the repetitions of a word
/// within a list (OpenPrompt, KnowledgeableVerbalizer).
WordMask unambiguous(const std::vector<std::vector<std::string>>& words);

/// Frequency: drops words with a token in the least likely share `fraction` of the vocabulary, by `prior` [V],
/// the mean log-probabilities at the answer slot over training examples. Synchronises with the device.
WordMask frequent_words(const LabelWords& words, const at::Tensor& prior, double fraction);

/// Relevance: with q(w) the probabilities of word w over training examples, from `log_probs` [examples, W], and
/// r(w, y) the cosine of q(w) and q(first word of y), a word of label f is kept when
///   r(w, f) * (labels - 1) / sum over y other than f of r(w, y)  >=  least
/// With one label all are kept. Synchronises with the device.
WordMask relevant_words(const LabelWords& words, const at::Tensor& log_probs, double least);

} // namespace cuecard::knowledgeable
