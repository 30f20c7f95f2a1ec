#include "attention/prefixes.hpp"

#include <ATen/ops/cat.h>

namespace cuecard {

std::vector<std::size_t> prefixes_of(const BatchConditioning& conditioning, const Side& side, int64_t s,
                                     PrefixSite site) {
  const auto i = static_cast<std::size_t>(s);
  std::vector<std::size_t> found;
  for (std::size_t p = 0; p < conditioning.prefixes.size(); ++p) {
    const Prefix& prefix = conditioning.prefixes[p];
    const int64_t card = conditioning.prefix_cards[p];
    const bool applies = prefix.site == site && (card < 0 || card == side.cards[i]) &&
                         (prefix.input < 0 || (!side.inputs.empty() && prefix.input == side.inputs[i]));
    if (applies)
      found.push_back(p);
  }
  return found;
}

std::vector<KeyRange> prefix_ranges(const BatchConditioning& conditioning, PrefixSite site) {
  std::vector<KeyRange> ranges;
  int64_t tokens = 0;
  for (const Prefix& prefix : conditioning.prefixes) {
    const int64_t length = prefix.site == site ? prefix.key.size(1) : 0;
    ranges.push_back({prefix_source, tokens, tokens + length});
    tokens += length;
  }
  return ranges;
}

void add_prefixes(const BatchConditioning& conditioning, PrefixSite site, int64_t layer,
                  std::vector<KeyValues>& sources) {
  std::vector<at::Tensor> keys, values;
  for (const Prefix& prefix : conditioning.prefixes)
    if (prefix.site == site) {
      keys.push_back(prefix.key.select(0, layer).to(sources[0].key.scalar_type()));
      values.push_back(prefix.value.select(0, layer).to(sources[0].value.scalar_type()));
    }
  if (keys.empty())
    return;
  sources.resize(prefix_source); // without a cache, source 1 stays empty
  sources.push_back(
      {keys.size() == 1 ? keys[0] : at::cat(keys), values.size() == 1 ? values[0] : at::cat(values)});
}

} // namespace cuecard
