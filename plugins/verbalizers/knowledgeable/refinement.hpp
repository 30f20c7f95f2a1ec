/// Which words of long lists are worth keeping (Hu et al. 2022, section 3.3). Each filter says it word by word,
/// [label][words].
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/parts/label_words.hpp>

namespace cuecard::knowledgeable {

using Kept = std::vector<std::vector<bool>>;

/// A word of two or more labels is taken from each list that it isn't the first word of, and a word that stands
/// twice in one list from its later place (OpenPrompt, KnowledgeableVerbalizer).
Kept told_apart(const std::vector<std::vector<std::string>>& words);

/// Frequency: drops words with a token among the share `fraction` of the vocabulary that the model says least,
/// by `prior` [V], the mean of what it says at the answer slot over training rows. Waits for the device.
Kept frequent(const LabelWords& words, const at::Tensor& prior, double fraction);

/// Relevance: with q(w) what the model says of word w over training rows, `log_probs` [rows, W] for the words
/// in order, and r(w, y) the cosine of q(w) and q(first word of y), a word of label f is kept when
///   r(w, f) * (labels - 1) / sum over y other than f of r(w, y)  >=  least
/// All are kept where there is one label. Waits for the device.
Kept relevant(const LabelWords& words, const at::Tensor& log_probs, double least);

} // namespace cuecard::knowledgeable
