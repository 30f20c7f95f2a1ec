/// Caches keys and values of the text before the first soft or trigger slot of each training prompt across
/// epochs. The backbone is frozen, so they are the same in every epoch: they are computed once, without
/// gradients, and kept within a memory budget.
///
/// Which prompts are cached is decided at the beginning, and they are computed in fixed groups. So the results
/// are bitwise identical whatever the order of use, and a resumed run repeats the interrupted one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "batch/pack.hpp"
#include "engine/counters.hpp"

namespace cuecard {

class TrainingPrefixCache {
public:
  /// `prompts` are all training prompts; they must not move.
  TrainingPrefixCache(const CountedBackbone& backbone, const BackboneShape& shape, at::Device device,
                      std::vector<const TokenizedPrompt*> prompts, int64_t budget_bytes);

  /// Number of leading tokens of `prompt` that do not depend on anything trained: those before its first soft
  /// or trigger slot and its first answer.
  static int64_t fixed_tokens(const TokenizedPrompt& prompt);

  /// Makes items continue from their cached tokens, computes those that are missing, and returns the cache that
  /// the items refer to. `which[i]` is the number of item i's prompt.
  std::shared_ptr<const KvCache> use(std::vector<PackItem>& items, const std::vector<int64_t>& which);

private:
  void compute(std::size_t group);

  const CountedBackbone& backbone_;
  at::Device device_;
  std::vector<const TokenizedPrompt*> prompts_;
  std::vector<int64_t> group_of_;            ///< by prompt; -1: not cached
  std::vector<std::vector<int64_t>> groups_; ///< prompts of each group
  std::vector<bool> computed_;               ///< by group
  std::vector<int64_t> sequence_of_;         ///< by prompt: its sequence in cache_
  std::shared_ptr<KvCache> cache_ = std::make_shared<KvCache>();
};

} // namespace cuecard
