/// Attention layouts of sides with late soft tokens (Piece::first_layer).
#pragma once

#include <cstdint>
#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/parts/attention/attention.hpp>

namespace cuecard {

/// The layout of self-attention over `side` in layer `layer`. Late soft tokens that have not entered yet attend only to each other,
/// as a separate sequence whose output is not used, and no other token attends to them. `before` as in self_attention_layout.
AttentionLayout layout_at_layer(const Side& side, bool causal, const std::vector<std::vector<KeyRange>>& before,
                                int64_t layer);

} // namespace cuecard
