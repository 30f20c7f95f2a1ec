#include "data/sampling/sampler.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <cuecard/error.hpp>

#include "data/sampling/shuffle.hpp"

namespace cuecard {

namespace {

void append_first(std::vector<std::size_t>& chosen, const std::vector<std::size_t>& indices, int64_t count) {
  chosen.insert(chosen.end(), indices.begin(),
                indices.begin() + static_cast<std::ptrdiff_t>(std::min<int64_t>(count, std::ssize(indices))));
}

std::vector<std::size_t> draw(std::vector<std::size_t> indices, const std::vector<int64_t>& labels,
                              const SampleSize& size, LegacyRandom& random) {
  if ((size.per_label > 0) == (size.total > 0))
    throw UsageError(
        "A sample has either a number of examples per label or a total number; give exactly one of the two.");
  std::vector<std::size_t> chosen;
  if (size.total > 0) {
    random.shuffle(indices);
    append_first(chosen, indices, size.total);
    return chosen;
  }
  std::map<int64_t, std::size_t> group_of;
  std::vector<std::vector<std::size_t>> groups; // in order of first appearance
  for (const std::size_t index : indices) {
    const auto [entry, fresh] = group_of.emplace(labels[index], groups.size());
    if (fresh)
      groups.emplace_back();
    groups[entry->second].push_back(index);
  }
  for (std::vector<std::size_t>& group : groups) {
    random.shuffle(group);
    append_first(chosen, group, size.per_label);
  }
  random.shuffle(chosen);
  return chosen;
}

std::vector<std::size_t> all_indices(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

} // namespace

std::vector<std::size_t> sample(const std::vector<int64_t>& labels, const SampleSize& size, uint32_t seed) {
  LegacyRandom random(seed);
  return draw(all_indices(labels.size()), labels, size, random);
}

FewShot sample_with_dev(const std::vector<int64_t>& labels, const SampleSize& train, const SampleSize& dev,
                        uint32_t seed) {
  LegacyRandom random(seed);
  FewShot result;
  result.train = draw(all_indices(labels.size()), labels, train, random);
  const std::set<std::size_t> taken(result.train.begin(), result.train.end());
  std::vector<std::size_t> left;
  for (std::size_t index = 0; index < labels.size(); ++index)
    if (!taken.contains(index))
      left.push_back(index);
  result.dev = draw(std::move(left), labels, dev, random);
  return result;
}

} // namespace cuecard
