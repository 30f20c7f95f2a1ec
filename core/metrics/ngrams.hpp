/// N-gram counts and clipped matches.
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

inline int64_t total_count(const NgramCounts& counts) {
  int64_t sum = 0;
  for (const auto& [ngram, count] : counts)
    sum += count;
  return sum;
}

/// Number of n-grams of `hypothesis` that occur in `reference`, each clipped to its count there.
inline int64_t matches(const NgramCounts& hypothesis, const NgramCounts& reference) {
  int64_t sum = 0;
  for (const auto& [ngram, count] : hypothesis)
    if (const auto entry = reference.find(ngram); entry != reference.end())
      sum += std::min(count, entry->second);
  return sum;
}

} // namespace cuecard
