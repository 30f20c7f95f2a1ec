/// Keys and values of what stands in front of the first learned row of each training prompt. The backbone is
/// frozen, so they are the same in every epoch: they are computed once, without gradients, and kept within a
/// budget of memory.
///
/// Which prompts are kept is decided at the beginning, and they are computed in fixed groups: so the same bits
/// come out whatever was asked for first, and a run that resumes repeats the one that was interrupted.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch/pack.hpp"
#include "engine/counters.hpp"

namespace cuecard {

class TextCache {
public:
  /// `prompts` are all that there will be; they must stay where they are.
  TextCache(const CountedBackbone& backbone, const BackboneShape& shape, at::Device device,
            std::vector<const TokenizedPrompt*> prompts, int64_t budget_bytes);

  /// Leading rows of `prompt` that nothing learned reaches: those in front of its first soft or trigger slot
  /// and of its first answer.
  static int64_t fixed_rows(const TokenizedPrompt& prompt);

  /// Sets `skip` and `past` of items whose fixed rows are kept, forwarding those that were not yet, and returns
  /// the past that the items refer to. `which[i]` is the number of item i's prompt.
  std::shared_ptr<const Past> use(std::vector<PackItem>& items, const std::vector<int64_t>& which);

private:
  void compute(std::size_t group);

  const CountedBackbone& backbone_;
  at::Device device_;
  std::vector<const TokenizedPrompt*> prompts_;
  std::vector<int64_t> group_of_;            ///< by prompt; -1: not kept
  std::vector<std::vector<int64_t>> groups_; ///< prompts of each
  std::vector<bool> computed_;               ///< by group
  std::vector<int64_t> sequence_of_;         ///< by prompt: in past_
  std::shared_ptr<Past> past_ = std::make_shared<Past>();
};

} // namespace cuecard
