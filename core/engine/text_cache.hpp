/// Keys and values of what stands in front of the first learned row of each training prompt. The backbone is
/// frozen, so they are the same in every epoch: they are computed once, without gradients, and kept within a
/// budget of memory.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "batch/pack.hpp"
#include "engine/counters.hpp"

namespace cuecard {

class TextCache {
public:
  TextCache(const CountedBackbone& backbone, at::Device device, int64_t budget_bytes);

  /// Leading rows of `prompt` that nothing learned reaches: those in front of its first soft or trigger slot
  /// and of its first answer.
  static int64_t fixed_rows(const TokenizedPrompt& prompt);

  /// Sets `skip` and `past` of items whose fixed rows are worth keeping, forwarding those that are not kept
  /// yet, and returns the past that the items refer to, or null when none does. `keys[i]` names item i's
  /// prompt.
  std::shared_ptr<const Past> use(std::vector<PackItem>& items, const std::vector<int64_t>& keys);

private:
  void compute(const std::vector<PackItem>& items, const std::vector<int64_t>& keys);

  const CountedBackbone& backbone_;
  at::Device device_;
  int64_t budget_;
  std::unordered_map<int64_t, Past> kept_;
};

} // namespace cuecard
