/// A platform-independent seeded shuffle, identical to that of numpy's legacy `RandomState`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace cuecard {

/// MT19937 seeded like `numpy.random.RandomState(seed)`.
class LegacyRandom {
public:
  explicit LegacyRandom(uint32_t seed) : bits_(seed) {}

  /// Uniform in [0, high] by rejection: 32-bit draws masked to the bits of `high`, until one is in range.
  uint32_t up_to(uint32_t high) {
    uint32_t mask = high;
    for (const int shift : {1, 2, 4, 8, 16})
      mask |= mask >> shift;
    if (mask == 0)
      return 0; // numpy consumes no random bits here
    uint32_t value;
    do
      value = static_cast<uint32_t>(bits_()) & mask;
    while (value > high);
    return value;
  }

  /// Fisher-Yates shuffle, from the end.
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i-- > 1;)
      std::swap(values[i], values[up_to(static_cast<uint32_t>(i))]);
  }

private:
  std::mt19937 bits_;
};

} // namespace cuecard
