/// Per-layer prefixes as a source of keys, shared by all sequences that attend to them.
#pragma once

#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/parts/attention/attention.hpp>

namespace cuecard {

/// Index of the prefixes among the sources of `attention`, whether or not there is a cache.
constexpr int64_t prefix_source = 2;

/// The indices into conditioning.prefixes that apply to sequence `s` at `site`.
std::vector<std::size_t> prefixes_of(const BatchConditioning& conditioning, const Side& side, int64_t s,
                                     PrefixSite site);

/// The range of each of conditioning.prefixes among those of `site`, concatenated.
std::vector<KeyRange> prefix_ranges(const BatchConditioning& conditioning, PrefixSite site);

/// Appends layer `layer` of the prefixes of `site`, in the dtype of `sources[0]`, as source 2.
void add_prefixes(const BatchConditioning& conditioning, PrefixSite site, int64_t layer,
                  std::vector<KeyValues>& sources);

} // namespace cuecard
