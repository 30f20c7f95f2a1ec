#include "attention/visible_tokens.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

VisibleTokens visible_tokens(const AttentionLayout& layout, const std::vector<KeyValues>& sources) {
  const int64_t own_count = sources[0].key.size(0);
  int64_t past_count = 0;
  for (const std::vector<KeyRange>& before : layout.before)
    for (const KeyRange& range : before)
      past_count += range.source == 1 ? range.end - range.begin : 0;
  std::vector<int64_t> cache;
  VisibleTokens seen;
  seen.of_sequence.resize(static_cast<std::size_t>(layout.sequences()));
  for (int64_t s = 0; s < layout.sequences(); ++s) {
    std::vector<int64_t>& tokens = seen.of_sequence[s];
    for (const KeyRange& range : layout.before[s])
      for (int64_t token = range.begin; token < range.end; ++token) {
        if (range.source == 1) {
          tokens.push_back(own_count + static_cast<int64_t>(cache.size()));
          cache.push_back(token);
        } else {
          tokens.push_back(range.source == 0 ? token : own_count + past_count + token);
        }
      }
    for (int64_t token = layout.offsets[s]; token < layout.offsets[s + 1]; ++token)
      tokens.push_back(token);
  }
  if (past_count > 0)
    seen.cached_rows = index_tensor(cache, sources[0].key.device());
  return seen;
}

at::Tensor concatenated(const std::vector<KeyValues>& sources, at::Tensor KeyValues::*which,
                        const VisibleTokens& seen) {
  std::vector<at::Tensor> parts{sources[0].*which};
  if (seen.cached_rows.defined())
    parts.push_back((sources[1].*which).index_select(0, seen.cached_rows));
  if (sources.size() > 2 && sources[2].key.defined())
    parts.push_back(sources[2].*which);
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

} // namespace cuecard
