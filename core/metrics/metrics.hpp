/// What a list of predicted labels is worth, and how sure one can be of it.
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

/// Rows whose gold label is negative (unknown) don't count. Both lists are equally long, else
/// std::logic_error.
Accuracy accuracy(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold);

/// 95% score interval of a proportion (Wilson 1927, without continuity correction); [0, 1] for no rows.
Interval wilson95(int64_t correct, int64_t total);

/// Two classifiers on the same rows.
struct PairedComparison {
  int64_t only_first = 0;  ///< rows that only the first labels correctly
  int64_t only_second = 0; ///< rows that only the second labels correctly
  double p_value = 1;      ///< exact two-sided McNemar test
};

/// Rows whose gold label is negative don't count.
PairedComparison compare(const std::vector<int64_t>& first, const std::vector<int64_t>& second,
                         const std::vector<int64_t>& gold);

/// Exact McNemar test: twice the lower tail of Binomial(b + c, 1/2) at min(b, c), at most 1.
double mcnemar_exact(int64_t b, int64_t c);

/// counts[gold][predicted], labels x labels. Labels outside [0, labels) don't count.
std::vector<std::vector<int64_t>> confusion(const std::vector<int64_t>& predicted,
                                            const std::vector<int64_t>& gold, int64_t labels);

struct MeanStd {
  double mean = 0;
  double std = 0; ///< of a sample (n - 1); 0 for fewer than two values
};
MeanStd mean_std(const std::vector<double>& values);

} // namespace cuecard
