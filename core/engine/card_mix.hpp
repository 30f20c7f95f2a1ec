/// The conditionings of several cards as one, so that their rows can share a batch.
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>

namespace cuecard {

class CardMix {
public:
  /// What each card's tuner gave. Cards that replace weights can't be mixed: an Error when one of several does.
  explicit CardMix(std::vector<Conditioning> cards);

  /// Where a card's rows begin among the embeddings of the mixture: added to its soft slots when a batch is
  /// packed.
  int64_t soft_offset(int64_t card) const { return soft_offsets_[static_cast<std::size_t>(card)]; }

  /// The mixture with prefixes and position offsets spread over the sequences of `batch`.
  Conditioning for_batch(const Batch& batch) const;

private:
  Conditioning mixed_;
  std::vector<int64_t> soft_offsets_;
  std::vector<std::vector<int64_t>> prefixes_of_; ///< indices into mixed_.prefixes, by card
  std::vector<int64_t> position_offsets_;
};

} // namespace cuecard
