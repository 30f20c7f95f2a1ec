#include "engine/train/share_out.hpp"

#include <algorithm>
#include <numeric>

namespace cuecard {

std::vector<int64_t> shared_out(const std::vector<int64_t>& sizes, int64_t ranks) {
  std::vector<std::size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t row) { return sizes[row]; });
  std::vector<int64_t> loads(static_cast<std::size_t>(ranks)), rank_of(sizes.size());
  for (const std::size_t row : order) {
    const auto least = std::ranges::min_element(loads);
    *least += sizes[row];
    rank_of[row] = least - loads.begin();
  }
  return rank_of;
}

} // namespace cuecard
