#include "attention/positions.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>

#include <cuecard/parts/index_tensor.hpp>

#include "attention/prefixes.hpp"

namespace cuecard {

int64_t parent_of(const Side& side, int64_t s) {
  return side.parent.empty() ? -1 : side.parent[static_cast<std::size_t>(s)];
}

int64_t cache_of(const Side& side, int64_t s) {
  return side.cache_of.empty() ? -1 : side.cache_of[static_cast<std::size_t>(s)];
}

int64_t own_length(const Side& side, int64_t s) {
  return side.offsets[static_cast<std::size_t>(s) + 1] - side.offsets[static_cast<std::size_t>(s)];
}

int64_t late_length(const Side& side, int64_t s) {
  return side.late_lengths.empty() ? 0 : side.late_lengths[static_cast<std::size_t>(s)];
}

std::vector<int64_t> position_shift(const ForwardArgs& args, const Side& side, PrefixSite site) {
  std::vector<int64_t> shift(static_cast<std::size_t>(side.num_sequences()), 0);
  for (int64_t s = 0; s < side.num_sequences(); ++s) {
    int64_t& by = shift[static_cast<std::size_t>(s)];
    if (const int64_t parent = parent_of(side, s); parent >= 0)
      by = shift[static_cast<std::size_t>(parent)];
    else if (const int64_t cache = cache_of(side, s); cache >= 0)
      by = args.batch.cache->next_position(cache);
    else
      for (const std::size_t prefix : prefixes_of(args.conditioning, side, s, site))
        by += args.conditioning.prefixes[prefix].positions;
  }
  return shift;
}

std::vector<int64_t> whole_lengths(const Side& side) {
  std::vector<int64_t> lengths;
  for (int64_t s = 0; s < side.num_sequences(); ++s) {
    const int64_t parent = parent_of(side, s);
    lengths.push_back(own_length(side, s) - late_length(side, s) +
                      (parent < 0 ? 0 : lengths[static_cast<std::size_t>(parent)]));
  }
  return lengths;
}

std::vector<int64_t> longest_texts(const Side& side, const std::vector<int64_t>& shift,
                                   const std::vector<int64_t>& lengths) {
  std::vector<int64_t> longest;
  for (std::size_t s = 0; s < lengths.size(); ++s)
    longest.push_back(shift[s] + lengths[s]);
  for (int64_t s = side.num_sequences() - 1; s >= 0; --s)
    if (const int64_t parent = parent_of(side, s); parent >= 0)
      longest[static_cast<std::size_t>(parent)] =
          std::max(longest[static_cast<std::size_t>(parent)], longest[static_cast<std::size_t>(s)]);
  for (int64_t s = 0; s < side.num_sequences(); ++s)
    if (const int64_t parent = parent_of(side, s); parent >= 0)
      longest[static_cast<std::size_t>(s)] = longest[static_cast<std::size_t>(parent)];
  return longest;
}

at::Tensor shifted(const at::Tensor& positions, const Side& side, const std::vector<int64_t>& shift) {
  if (std::all_of(shift.begin(), shift.end(), [](int64_t by) { return by == 0; }))
    return positions;
  std::vector<int64_t> tokens(static_cast<std::size_t>(side.num_tokens()));
  for (std::size_t s = 0; s < shift.size(); ++s)
    std::fill(tokens.begin() + side.offsets[s], tokens.begin() + side.offsets[s + 1], shift[s]);
  return positions + index_tensor(tokens, positions.device());
}

} // namespace cuecard
