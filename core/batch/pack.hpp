/// Packs the tokens of many prompts into one batch: sequences are concatenated without padding, and a prefix
/// shared by several sequences of a causal model is stored once.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>

#include "batch/assemble.hpp"

namespace cuecard {

/// One prompt to be packed. Pointers must stay valid while the batch is used.
struct PackItem {
  const TokenizedPrompt* prompt = nullptr;
  const Example* example = nullptr;
  int64_t card = 0;
  /// Added to the numbers of its soft slots and of its late soft slots: where the vectors of its card, or of
  /// its input, begin in the batch's embeddings.
  int64_t soft_offset = 0, late_offset = 0;
  int64_t skip = 0;    ///< leading tokens that are in the cached sequence `cached`
  int64_t cached = -1; ///< number of that sequence, or -1
  int64_t input = -1;  ///< number of its example among those of an input-dependent card; else -1
};

struct PackSettings {
  at::Device device = at::kCPU;
  bool share_prefix = false; ///< store common leading tokens once; for causal models
};

/// Items of one card, and within a card items of one example, must be neighbours for their common prefix to be
/// found: the prefix that all items of a card share is stored once, and so is the one that all items of an
/// example share after it. In an encoder-decoder, items of one example with the same input side share that.
/// Batch entries are in the order of `items`.
Batch pack(const std::vector<PackItem>& items, const PackSettings& settings);

/// Number of leading tokens that all of `items` have in common (same ids, segments, soft and trigger slots), at
/// most up to the first selected position, exclusive.
int64_t common_prefix(const std::vector<PackItem>& items);

} // namespace cuecard
