/// Per-layer prefixes as sources of keys: shared by what a forward pass attends to.
#pragma once

#include <vector>

#include <cuecard/batch.hpp>
#include <cuecard/conditioning.hpp>
#include <cuecard/parts/attention.hpp>

namespace cuecard {

/// The source that prefixes are, whether or not there is a past.
constexpr int64_t prefix_source = 2;

/// Which of conditioning.prefixes stand in front of sequence `s` at `site`.
std::vector<std::size_t> prefixes_of(const Conditioning& conditioning, const Side& side, int64_t s,
                                     PrefixSite site);

/// Where each of conditioning.prefixes lies among those of `site` laid end to end.
std::vector<KeyRange> prefix_ranges(const Conditioning& conditioning, PrefixSite site);

/// Appends what layer `layer` sees of the prefixes of `site`, in the type of `sources[0]`, as source 2.
void add_prefixes(const Conditioning& conditioning, PrefixSite site, int64_t layer,
                  std::vector<KeyValues>& sources);

} // namespace cuecard
