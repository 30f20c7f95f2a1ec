/// Few-shot subsets, the same rows as OpenPrompt's FewShotSampler picks for the same seed.
#pragma once

#include <cstdint>
#include <vector>

namespace cuecard {

/// How many rows to take: so many of each label, or so many in all. Exactly one is above 0.
struct SampleSize {
  int64_t per_label = 0;
  int64_t total = 0;

  bool operator==(const SampleSize&) const = default;
};

struct FewShot {
  std::vector<std::size_t> train, dev; ///< row indices, in the drawn order
};

/// A subset of the rows with `labels`: per label in order of first appearance shuffle and take, then shuffle
/// the union; or shuffle all and take. Labels with fewer rows give all they have. `seed` is below 2^32.
std::vector<std::size_t> sample(const std::vector<int64_t>& labels, const SampleSize& size, uint32_t seed);

/// The same, and a second subset from the rows that are left, drawn with the same stream.
FewShot sample_with_dev(const std::vector<int64_t>& labels, const SampleSize& train, const SampleSize& dev,
                        uint32_t seed);

} // namespace cuecard
