/// PETAL's search for the words of the vocabulary that distinguish the examples of a label from all others.
///
/// With p_i(w) the probability of word w at the answer slot of training example i, all logarithms of x + 1e-15:
///   candidates of label y: the largest sums of log p_i(w) over the examples of y
///   likelihood ratio:      sum over the examples of y of log(p / (1 - p)) - s * the same sum over the others
///   cross-entropy:         sum over the examples of y of log p + s * sum over the others of log(1 - p)
/// s is the number of examples of y / that of the others with `balance`, else 1 (Schick et al. 2020, section
/// 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard::automatic {

struct SearchSettings {
  int64_t words_per_label = 1;
  int64_t candidates = 1000; ///< per label
  bool cross_entropy = false;
  bool balance = true;
};

/// Running sums over examples; the search needs nothing else.
class WordSearch {
public:
  explicit WordSearch(int64_t labels) : counts_(static_cast<std::size_t>(labels), 0) {}

  /// `log_probs` [n, V] and the label of each example; label -1 is ignored.
  void add(const at::Tensor& log_probs, const std::vector<int64_t>& labels);
  /// Examples of each label.
  const std::vector<int64_t>& counts() const { return counts_; }
  int64_t vocabulary() const { return likely_.size(1); }

  /// Token ids for each label, best first, among those where `allowed` [V] bool is true.
  std::vector<std::vector<int64_t>> best(const at::Tensor& allowed, const SearchSettings& settings) const;

private:
  std::vector<int64_t> counts_;
  at::Tensor likely_;   ///< [labels, V] float64, sum of log p over the label's examples
  at::Tensor unlikely_; ///< [labels, V] float64, sum of log(1 - p)
};

} // namespace cuecard::automatic
