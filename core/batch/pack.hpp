/// Token rows of many prompts become one packed batch: sequences end to end, nothing padded, and what several
/// sequences of a causal model have in common at their beginning laid only once.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>

#include "batch/assemble.hpp"

namespace cuecard {

/// One prompt on its way into a batch. Pointers must stay valid while the batch is used.
struct PackItem {
  const TokenizedPrompt* prompt = nullptr;
  const Example* example = nullptr;
  int64_t card = 0;
  int64_t soft_offset =
      0;             ///< added to its soft slots: where its card's rows begin among the batch's embeddings
  int64_t skip = 0;  ///< leading rows that are already in a past, `past`
  int64_t past = -1; ///< index of that past sequence, or -1
};

struct PackSettings {
  at::Device device = at::kCPU;
  bool share_front = false; ///< lay common leading rows once; for causal models
};

/// Items of one card, and in a card items of one example, must be neighbours for their common rows to be found:
/// what all items of a card share is laid once, and below it what all items of an example share. Items of one
/// example with the same input side share it in an encoder-decoder. The order of entries in the batch is that
/// of `items`.
Batch pack(const std::vector<PackItem>& items, const PackSettings& settings);

/// Leading rows that all of `items` have in common (same ids, segments, soft and trigger slots), at most up to
/// the row in front of the first that is read.
int64_t common_front(const std::vector<PackItem>& items);

} // namespace cuecard
