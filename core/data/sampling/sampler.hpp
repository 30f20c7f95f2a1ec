/// Few-shot subsets: the examples that OpenPrompt's FewShotSampler draws for the same seed.
#pragma once

#include <cstdint>
#include <vector>

namespace cuecard {

/// Number of examples to draw, per label or in total. Exactly one is positive.
struct SampleSize {
  int64_t per_label = 0;
  int64_t total = 0;

  bool operator==(const SampleSize&) const = default;
};

struct FewShot {
  std::vector<std::size_t> train, dev; ///< example indices, in the order drawn
};

/// Indices of a subset of the examples with these labels. Per label: shuffle each label's examples, in order of
/// the label's first appearance, take the first ones, then shuffle the union. In total: shuffle all examples
/// and take the first ones. A label with fewer examples contributes all of them.
std::vector<std::size_t> sample(const std::vector<int64_t>& labels, const SampleSize& size, uint32_t seed);

/// Also draws a development set from the remaining examples, with the same random stream.
FewShot sample_with_dev(const std::vector<int64_t>& labels, const SampleSize& train, const SampleSize& dev,
                        uint32_t seed);

} // namespace cuecard
