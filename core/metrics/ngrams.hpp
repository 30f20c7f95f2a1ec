/// How often each n-gram stands in a sequence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cuecard {

using NgramCounts = std::map<std::vector<std::string>, int64_t>;

inline NgramCounts ngrams_of(const std::vector<std::string>& sequence, int64_t n) {
  NgramCounts counts;
  for (auto first = sequence.begin(); sequence.end() - first >= n; ++first)
    ++counts[{first, first + n}];
  return counts;
}

/// N-grams in all of them.
inline int64_t sum_of(const NgramCounts& counts) {
  int64_t sum = 0;
  for (const auto& [ngram, count] : counts)
    sum += count;
  return sum;
}

/// Those of `found` that stand in `wanted`, each as often as it does there at most.
inline int64_t matches(const NgramCounts& found, const NgramCounts& wanted) {
  int64_t sum = 0;
  for (const auto& [ngram, count] : found)
    if (const auto there = wanted.find(ngram); there != wanted.end())
      sum += std::min(count, there->second);
  return sum;
}

} // namespace cuecard
