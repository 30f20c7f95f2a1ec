#include "engine/card_mix.hpp"

#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

namespace cuecard {

CardMix::CardMix(std::vector<Conditioning> cards) {
  std::vector<at::Tensor> embeddings;
  int64_t slots = 0;
  for (Conditioning& card : cards) {
    soft_offsets_.push_back(slots);
    if (card.embeddings.defined()) {
      slots += card.embeddings.size(0);
      embeddings.push_back(card.embeddings);
    }
    std::vector<int64_t>& entries = mixed_.prefixes_of.emplace_back();
    for (Prefix& prefix : card.prefixes) {
      entries.push_back(static_cast<int64_t>(mixed_.prefixes.size()));
      mixed_.prefixes.push_back(std::move(prefix));
    }
    if (card.triggers.defined() && cards.size() > 1)
      throw Error("a card whose trigger tokens are still being chosen can't share a batch with other cards.");
    mixed_.triggers = card.triggers;
  }
  if (!embeddings.empty())
    mixed_.embeddings = embeddings.size() == 1 ? embeddings[0] : at::cat(embeddings);
}

} // namespace cuecard
