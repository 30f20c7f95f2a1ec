/// PETAL's search: which words of the vocabulary tell the rows of a label from all others.
///
/// With p_i(w) the probability of word w at the answer slot of training row i, all logarithms of x + 1e-15:
///   candidates of label y: the largest sums of log p_i(w) over the rows of y
///   likelihood ratio:      sum over rows of y of (log p - log(1 - p)) + s * sum over the others of (log(1 - p)
///   -
///                          log p)
///   cross-entropy:         sum over rows of y of log p + s * sum over the others of log(1 - p)
/// s is rows of y / other rows where the two sides are balanced, else 1 (Schick et al. 2020, section 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard::automatic {

struct SearchSettings {
  int64_t words_per_label = 1;
  int64_t candidates = 1000; ///< most candidates of a label
  bool cross_entropy = false;
  bool balance = true;
};

/// Sums over rows. They are all that the search needs, so rows are read once and not kept.
class WordSearch {
public:
  explicit WordSearch(int64_t labels) : counts_(static_cast<std::size_t>(labels), 0) {}

  /// `log_probs` [n, V] and the label of each row; rows of label -1 don't count.
  void add(const at::Tensor& log_probs, const std::vector<int64_t>& labels);
  /// Rows of each label.
  const std::vector<int64_t>& counts() const { return counts_; }
  int64_t vocabulary() const { return likely_.size(1); }

  /// Vocabulary rows for each label, best first, out of those that `allowed` [V] bool has true.
  std::vector<std::vector<int64_t>> best(const at::Tensor& allowed, const SearchSettings& settings) const;

private:
  std::vector<int64_t> counts_;
  at::Tensor likely_;   ///< [labels, V] float64, sum of log p over the label's rows
  at::Tensor unlikely_; ///< [labels, V] float64, sum of log(1 - p)
};

} // namespace cuecard::automatic
