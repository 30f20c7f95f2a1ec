/// A trained weight for each word: a label's score is the mean of its words' log-probabilities, weighted by the
/// softmax of their weights (Hu et al. 2022, sections 3.3 and 3.4).
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard::knowledgeable {

class WordWeights {
public:
  WordWeights() = default;
  /// `words`: the number of words of each label. Weights are initialised to 0, which gives the plain mean.
  WordWeights(const std::vector<int64_t>& words, bool trainable, const at::Device& device);

  /// [W] float32, label by label.
  const at::Tensor& values() const { return weights_; }
  void set(const at::Tensor& values);

  /// `log_probs` [A, W] to [A, labels]; the weights are multiplied by `temperature`.
  at::Tensor operator()(const at::Tensor& log_probs, double temperature) const;

private:
  at::Tensor weights_;
  at::Tensor columns_; ///< [labels * most words] int64, index of the word
  at::Tensor absent_;  ///< [labels, most words] bool, true where a label has fewer
};

} // namespace cuecard::knowledgeable
