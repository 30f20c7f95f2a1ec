#include "attention/strategies/visible_tokens.hpp"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// The keys of sequence `s` that any of its queries attends to; all where there is no window.
KeySpan seen_by_any(const AttentionLayout& layout, int64_t s) {
  const int64_t before = layout.keys_before(s), keys = before + layout.offsets[s + 1] - layout.offsets[s];
  if (layout.window == 0)
    return {0, keys};
  KeySpan whole{keys, 0};
  for (int64_t q = layout.query_offsets[s]; q < layout.query_offsets[s + 1]; ++q) {
    const KeySpan span = layout.seen_from(before + layout.query_offsets_in_sequence[q], keys);
    whole = {std::min(whole.begin, span.begin), std::max(whole.end, span.end)};
  }
  return whole;
}

} // namespace

VisibleTokens visible_tokens(const AttentionLayout& layout, const std::vector<KeyValues>& sources) {
  const int64_t own_count = sources[0].key.size(0);
  const int64_t prefix_count = sources.size() > 2 && sources[2].key.defined() ? sources[2].key.size(0) : 0;
  VisibleTokens seen;
  seen.of_sequence.resize(static_cast<std::size_t>(layout.sequences()));
  std::vector<int64_t> cache;
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    const KeySpan span = seen_by_any(layout, s);
    seen.first.push_back(span.begin);
    std::vector<int64_t>& tokens = seen.of_sequence[s];
    int64_t number = 0;
    const auto see = [&](const KeyRange& range) {
      for (int64_t token = range.begin; token < range.end; ++token, ++number) {
        if (number < span.begin || number >= span.end)
          continue;
        if (range.source == 1) {
          tokens.push_back(own_count + prefix_count + static_cast<int64_t>(cache.size()));
          cache.push_back(token);
        } else {
          tokens.push_back(range.source == 0 ? token : own_count + token);
        }
      }
    };
    for (const KeyRange& range : layout.before[s])
      see(range);
    see({0, layout.offsets[s], layout.offsets[s + 1]});
  }
  if (!cache.empty())
    seen.cached_rows = index_tensor(cache, sources[0].key.device());
  return seen;
}

at::Tensor concatenated(const std::vector<KeyValues>& sources, at::Tensor KeyValues::*which,
                        const VisibleTokens& seen) {
  std::vector<at::Tensor> parts{sources[0].*which};
  if (sources.size() > 2 && sources[2].key.defined())
    parts.push_back(sources[2].*which);
  if (seen.cached_rows.defined())
    parts.push_back((sources[1].*which).index_select(0, seen.cached_rows));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

} // namespace cuecard
