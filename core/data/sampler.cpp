#include "data/sampler.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <cuecard/error.hpp>

#include "data/shuffle.hpp"

namespace cuecard {

namespace {

void append_first(std::vector<std::size_t>& chosen, const std::vector<std::size_t>& rows, int64_t count) {
  chosen.insert(chosen.end(), rows.begin(),
                rows.begin() + static_cast<std::ptrdiff_t>(std::min<int64_t>(count, std::ssize(rows))));
}

std::vector<std::size_t> draw(std::vector<std::size_t> rows, const std::vector<int64_t>& labels,
                              const SampleSize& size, LegacyRandom& random) {
  if ((size.per_label > 0) == (size.total > 0))
    throw UsageError("A sample is either so many rows of each label or so many in all; give one of the two.");
  std::vector<std::size_t> chosen;
  if (size.total > 0) {
    random.shuffle(rows);
    append_first(chosen, rows, size.total);
    return chosen;
  }
  std::map<int64_t, std::size_t> group_of;
  std::vector<std::vector<std::size_t>> groups; // in order of first appearance
  for (const std::size_t row : rows) {
    const auto [entry, fresh] = group_of.emplace(labels[row], groups.size());
    if (fresh)
      groups.emplace_back();
    groups[entry->second].push_back(row);
  }
  for (std::vector<std::size_t>& group : groups) {
    random.shuffle(group);
    append_first(chosen, group, size.per_label);
  }
  random.shuffle(chosen);
  return chosen;
}

std::vector<std::size_t> all_rows(std::size_t count) {
  std::vector<std::size_t> rows(count);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

} // namespace

std::vector<std::size_t> sample(const std::vector<int64_t>& labels, const SampleSize& size, uint32_t seed) {
  LegacyRandom random(seed);
  return draw(all_rows(labels.size()), labels, size, random);
}

FewShot sample_with_dev(const std::vector<int64_t>& labels, const SampleSize& train, const SampleSize& dev,
                        uint32_t seed) {
  LegacyRandom random(seed);
  FewShot result;
  result.train = draw(all_rows(labels.size()), labels, train, random);
  const std::set<std::size_t> taken(result.train.begin(), result.train.end());
  std::vector<std::size_t> left;
  for (std::size_t row = 0; row < labels.size(); ++row)
    if (!taken.contains(row))
      left.push_back(row);
  result.dev = draw(std::move(left), labels, dev, random);
  return result;
}

} // namespace cuecard
