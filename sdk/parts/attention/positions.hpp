/// Positions and lengths of the sequences of a side, which may continue parents and cached sequences.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>

namespace cuecard {

/// For sequence `s`: its parent, the cached sequence that it continues (-1: none), and the numbers of its tokens and of its late
/// tokens.
int64_t parent_of(const Side& side, int64_t s);
int64_t cache_of(const Side& side, int64_t s);
int64_t own_length(const Side& side, int64_t s);
int64_t late_length(const Side& side, int64_t s);

/// [S] the offset of each sequence's positions: the end of its cached sequence, else the positions of its prefixes.
std::vector<int64_t> position_shift(const ForwardArgs& args, const Side& side, PrefixSite site);

/// Number of positions of each sequence, including those of its parents. Late soft tokens have none.
std::vector<int64_t> whole_lengths(const Side& side);

/// ForwardPass::lengths, from the shift and the length of each sequence.
std::vector<int64_t> longest_texts(const Side& side, const std::vector<int64_t>& shift,
                                   const std::vector<int64_t>& lengths);

at::Tensor shifted(const at::Tensor& positions, const Side& side, const std::vector<int64_t>& shift);

} // namespace cuecard
