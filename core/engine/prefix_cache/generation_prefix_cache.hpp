/// Keeps the first prompt of each card cached during generation; later prompts continue from the tokens they
/// have in common with it. For causal models. Of many cards, those whose prompts were used last are kept.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include <cuecard/kv_cache.hpp>

#include "batch/pack.hpp"

namespace cuecard {

class GenerationPrefixCache {
public:
  /// Tokens of all prompts that are kept.
  static constexpr int64_t most_tokens = 8192;

  /// Makes `item` continue from the tokens that it has in common with its card's cached prompt.
  void use(PackItem& item, KvCache& cache);
  /// Keeps `item`, which is `sequence` of `cache`, as its card's prompt unless there is one already.
  void add(const PackItem& item, int64_t sequence, KvCache& cache);
  /// Drops the prompt of a card.
  void forget(int64_t card, KvCache& cache);

  /// A cache that holds only these prompts, in storage of its own; they refer to it from then on.
  std::shared_ptr<KvCache> compacted(const KvCache& cache);

private:
  struct CachedPrompt {
    std::vector<PromptToken> tokens;
    int64_t sequence = -1; ///< of the cache
    int64_t used = 0;      ///< when; larger is later
  };
  std::map<int64_t, CachedPrompt> prompts_; ///< by card
  int64_t tokens_ = 0;                      ///< of all of them
  int64_t now_ = 0;                         ///< counts uses
};

} // namespace cuecard
