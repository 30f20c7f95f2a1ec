/// The conditionings of several cards as one, so that their rows can share a batch.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/conditioning.hpp>

namespace cuecard {

class CardMix {
public:
  /// What each card's tuner gave. Trigger tokens are chosen for one card at a time: an Error when one of
  /// several has any.
  explicit CardMix(std::vector<Conditioning> cards);

  /// Where a card's rows begin among the embeddings of the mixture: added to its soft slots when a batch is
  /// packed.
  int64_t soft_offset(int64_t card) const { return soft_offsets_[static_cast<std::size_t>(card)]; }

  /// For batches of these cards, numbered as they were given.
  const Conditioning& conditioning() const { return mixed_; }

private:
  Conditioning mixed_;
  std::vector<int64_t> soft_offsets_;
};

} // namespace cuecard
