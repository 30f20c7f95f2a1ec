#include "engine/card_mix.hpp"

#include <algorithm>

#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

namespace cuecard {

CardMix::CardMix(std::vector<Conditioning> cards) {
  std::vector<at::Tensor> embeddings;
  int64_t slots = 0;
  for (Conditioning& card : cards) {
    if (!card.weights.empty() && cards.size() > 1)
      throw Error("a card that replaces weights of the model can't share a batch with other cards.");
    soft_offsets_.push_back(slots);
    if (card.embeddings.defined()) {
      slots += card.embeddings.size(0);
      embeddings.push_back(card.embeddings);
    }
    std::vector<int64_t>& entries = prefixes_of_.emplace_back();
    for (Prefix& prefix : card.prefixes) {
      entries.push_back(static_cast<int64_t>(mixed_.prefixes.size()));
      mixed_.prefixes.push_back(std::move(prefix));
    }
    position_offsets_.push_back(card.position_offset.empty() ? 0 : card.position_offset[0]);
    mixed_.weights.merge(card.weights);
  }
  if (!embeddings.empty())
    mixed_.embeddings = embeddings.size() == 1 ? embeddings[0] : at::cat(embeddings);
}

Conditioning CardMix::for_batch(const Batch& batch) const {
  Conditioning result = mixed_;
  for (int64_t card : batch.sequence_cards) {
    result.prefix_of.push_back(prefixes_of_[static_cast<std::size_t>(card)]);
    result.position_offset.push_back(position_offsets_[static_cast<std::size_t>(card)]);
  }
  return result;
}

} // namespace cuecard
