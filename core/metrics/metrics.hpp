/// Accuracy with confidence intervals, paired significance tests and confusion matrices.
#pragma once

#include <cstdint>
#include <vector>

namespace cuecard {

struct Interval {
  double low = 0, high = 0;
};

struct Accuracy {
  int64_t correct = 0, total = 0;
  double value() const { return total > 0 ? static_cast<double>(correct) / static_cast<double>(total) : 0; }
};

/// Items with a negative (unknown) gold label are ignored. Throws std::logic_error when the lists differ in
/// length.
Accuracy accuracy(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold);

/// 95% score interval of a proportion (Wilson 1927, without continuity correction); [0, 1] when `total` is 0.
Interval wilson95(int64_t correct, int64_t total);

/// Two classifiers compared on the same examples.
struct PairedComparison {
  int64_t only_first = 0;  ///< examples that only the first predicts correctly
  int64_t only_second = 0; ///< examples that only the second predicts correctly
  double p_value = 1;      ///< exact two-sided McNemar test
};

/// Items with a negative (unknown) gold label are ignored.
PairedComparison compare(const std::vector<int64_t>& first, const std::vector<int64_t>& second,
                         const std::vector<int64_t>& gold);

/// Exact McNemar test: twice the lower tail of Binomial(b + c, 1/2) at min(b, c), at most 1.
double mcnemar_exact(int64_t b, int64_t c);

/// Confusion matrix counts[gold][predicted], labels x labels. Labels outside [0, labels) are ignored.
std::vector<std::vector<int64_t>> confusion(const std::vector<int64_t>& predicted,
                                            const std::vector<int64_t>& gold, int64_t labels);

struct MeanStd {
  double mean = 0;
  double std = 0; ///< sample standard deviation (n - 1); 0 for fewer than two values
};
MeanStd mean_std(const std::vector<double>& values);

} // namespace cuecard
