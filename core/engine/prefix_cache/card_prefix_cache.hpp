/// Caches the common prefix of a card's prompts across batches, for causal models: an instruction,
/// demonstrations, a soft prompt. The first batch with prompts of a card computes its keys and values, even if
/// it holds a single prompt; later prompts continue from them. When they take too much memory, the least recently used half is dropped.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "batch/pack.hpp"
#include "engine/task_pipeline.hpp"

namespace cuecard {

class CardPrefixCache {
public:
  /// The model and the pipelines must outlive it. `pipelines`: by card; more may be added.
  CardPrefixCache(const Model& model, const std::vector<const TaskPipeline*>& pipelines, int64_t most_bytes)
      : model_(model), pipelines_(pipelines), most_bytes_(most_bytes) {}

  /// Makes `item` continue from its card's cached prefix if there is one and the item begins with it.
  void use(PackItem& item);

  /// The cache that items refer to.
  std::shared_ptr<const KvCache> cache() const { return cache_; }

  /// Decides on the prefix of each card that occurs in `items` for the first time: the tokens that its prompts
  /// and the card's content-free prompt all begin with. Returns whether one has two tokens or more, so that the
  /// keys and values of the pass over `items` are worth keeping.
  bool wants(const std::vector<PackItem>& items);

  /// Takes the prefixes that `wants` decided on from `computed`, the keys and values of the pass over `batch`.
  void add(const std::vector<PackItem>& items, const Batch& batch, const KvCache& computed);

  /// Drops the prefix of a card.
  void forget(int64_t card);

private:
  struct CachedPrefix {
    std::vector<PromptToken> tokens; ///< empty: there is none
    int64_t sequence = -1;           ///< of cache_; -1 until it has been forwarded
    int64_t used = 0;                ///< when; larger is later
  };

  /// The cards that have a sequence.
  std::vector<int64_t> cached() const;
  /// Drops the half that was used least recently.
  void shrink();
  /// Moves the sequences of `cards`, all that have one, to storage of their own.
  void store_anew(const std::vector<int64_t>& cards);
  /// Number of leading tokens common to all `items`, of one card, and its content-free prompt.
  int64_t fixed_length(std::vector<PackItem> items) const;

  const Model& model_;
  const std::vector<const TaskPipeline*>& pipelines_;
  const int64_t most_bytes_;
  int64_t now_ = 0;                          ///< counts uses
  std::map<int64_t, CachedPrefix> prefixes_; ///< by card, of those that were decided on
  std::shared_ptr<KvCache> cache_ = std::make_shared<KvCache>();
};

} // namespace cuecard
