#include "prefixes.hpp"

#include <ATen/ops/cat.h>

namespace cuecard {

std::vector<std::size_t> prefixes_of(const Conditioning& conditioning, const Side& side, int64_t s,
                                     PrefixSite site) {
  std::vector<std::size_t> found;
  const auto add = [&](int64_t entry) {
    if (conditioning.prefixes[static_cast<std::size_t>(entry)].site == site)
      found.push_back(static_cast<std::size_t>(entry));
  };
  if (conditioning.prefixes_of.empty())
    for (std::size_t i = 0; i < conditioning.prefixes.size(); ++i)
      add(static_cast<int64_t>(i));
  else
    for (const int64_t entry :
         conditioning.prefixes_of[static_cast<std::size_t>(side.cards[static_cast<std::size_t>(s)])])
      add(entry);
  return found;
}

std::vector<KeyRange> prefix_ranges(const Conditioning& conditioning, PrefixSite site) {
  std::vector<KeyRange> ranges;
  int64_t rows = 0;
  for (const Prefix& prefix : conditioning.prefixes) {
    const int64_t length = prefix.site == site ? prefix.key.size(1) : 0;
    ranges.push_back({prefix_source, rows, rows + length});
    rows += length;
  }
  return ranges;
}

void add_prefixes(const Conditioning& conditioning, PrefixSite site, int64_t layer,
                  std::vector<KeyValues>& sources) {
  std::vector<at::Tensor> keys, values;
  for (const Prefix& prefix : conditioning.prefixes)
    if (prefix.site == site) {
      keys.push_back(prefix.key.select(0, layer).to(sources[0].key.scalar_type()));
      values.push_back(prefix.value.select(0, layer).to(sources[0].value.scalar_type()));
    }
  if (keys.empty())
    return;
  sources.resize(prefix_source); // where there is no past, its place stays empty
  sources.push_back(
      {keys.size() == 1 ? keys[0] : at::cat(keys), values.size() == 1 ? values[0] : at::cat(values)});
}

} // namespace cuecard
