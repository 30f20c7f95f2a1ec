#include "metrics/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace cuecard {

namespace {

void require_equal(std::size_t a, std::size_t b) {
  if (a != b)
    throw std::logic_error("numbers of predicted and gold labels differ");
}

} // namespace

Accuracy accuracy(const std::vector<int64_t>& predicted, const std::vector<int64_t>& gold) {
  require_equal(predicted.size(), gold.size());
  Accuracy result;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    result.total += gold[i] >= 0;
    result.correct += gold[i] >= 0 && predicted[i] == gold[i];
  }
  return result;
}

Interval wilson95(int64_t correct, int64_t total) {
  if (total <= 0)
    return {0, 1};
  constexpr double z = 1.959963984540054; // 0.975 quantile of the standard normal distribution
  const auto n = static_cast<double>(total);
  const double p = static_cast<double>(correct) / n;
  const double scale = 1 + z * z / n;
  const double centre = (p + z * z / (2 * n)) / scale;
  const double half = z / scale * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // The exact bounds at 0 and `total` are 0 and 1; avoid rounding errors there.
  return {correct <= 0 ? 0 : centre - half, correct >= total ? 1 : centre + half};
}

PairedComparison compare(const std::vector<int64_t>& first, const std::vector<int64_t>& second,
                         const std::vector<int64_t>& gold) {
  require_equal(first.size(), gold.size());
  require_equal(second.size(), gold.size());
  PairedComparison result;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] < 0)
      continue;
    const bool a = first[i] == gold[i], b = second[i] == gold[i];
    result.only_first += a && !b;
    result.only_second += b && !a;
  }
  result.p_value = mcnemar_exact(result.only_first, result.only_second);
  return result;
}

double mcnemar_exact(int64_t b, int64_t c) {
  const auto n = static_cast<double>(b + c);
  double tail = 0;
  for (int64_t k = 0; k <= std::min(b, c); ++k) {
    const auto x = static_cast<double>(k);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) - n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

std::vector<std::vector<int64_t>> confusion(const std::vector<int64_t>& predicted,
                                            const std::vector<int64_t>& gold, int64_t labels) {
  require_equal(predicted.size(), gold.size());
  const auto size = static_cast<std::size_t>(labels);
  std::vector<std::vector<int64_t>> counts(size, std::vector<int64_t>(size, 0));
  const auto known = [&](int64_t label) { return label >= 0 && label < labels; };
  for (std::size_t i = 0; i < gold.size(); ++i)
    if (known(gold[i]) && known(predicted[i]))
      ++counts[static_cast<std::size_t>(gold[i])][static_cast<std::size_t>(predicted[i])];
  return counts;
}

MeanStd mean_std(const std::vector<double>& values) {
  MeanStd result;
  if (values.empty())
    return result;
  const auto n = static_cast<double>(values.size());
  for (const double value : values)
    result.mean += value / n;
  double squares = 0;
  for (const double value : values)
    squares += (value - result.mean) * (value - result.mean);
  result.std = values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  return result;
}

} // namespace cuecard
