#include <cuecard/parts/attention/forward_pass.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

#include "attention/prefixes.hpp"
#include "kv_cache/kv_cache_pool.hpp"

namespace cuecard {

namespace {

/// Tokens of source 0 that output sequence `s` attends to.
KeyRange encoder_tokens(const Batch& batch, bool encodes, std::size_t s) {
  if (encodes) {
    const auto source = static_cast<std::size_t>(batch.source_of[s]);
    return {0, batch.input.offsets[source], batch.input.offsets[source + 1]};
  }
  const Side& side = *batch.output;
  auto root = static_cast<int64_t>(s); // the cache precedes the outermost parent
  while (!side.parent.empty() && side.parent[static_cast<std::size_t>(root)] >= 0)
    root = side.parent[static_cast<std::size_t>(root)];
  const int64_t cache = side.cache_of.empty() ? -1 : side.cache_of[static_cast<std::size_t>(root)];
  const int64_t source = cache < 0 ? -1 : batch.cache->pool().source_of[static_cast<std::size_t>(cache)];
  if (source < 0)
    throw Error("an output sequence has neither an input sequence nor a cached one to attend to.");
  const auto i = static_cast<std::size_t>(source);
  return {0, batch.cache->pool().cross_offsets[i], batch.cache->pool().cross_offsets[i + 1]};
}

at::Tensor joined(const at::Tensor& first, const at::Tensor& second) {
  return at::cat({first, second.detach()});
}

} // namespace

CrossPass::CrossPass(const ForwardArgs& args) : args_(args), encodes_(!args.batch.source_of.empty()) {
  const Side& side = *args.batch.output;
  if (!encodes_ && !args.batch.cache)
    throw Error("an encoder-decoder's batch names no input sequence for its outputs, and has no cache.");
  layout_.offsets.assign(static_cast<std::size_t>(side.num_sequences()) + 1, 0);
  layout_.query_offsets = side.offsets;
  layout_.query_offsets_in_sequence.assign(static_cast<std::size_t>(side.num_tokens()), 0);
  const std::vector<KeyRange> of_prefix = prefix_ranges(args.conditioning, PrefixSite::cross);
  for (std::size_t s = 0; s < static_cast<std::size_t>(side.num_sequences()); ++s) {
    std::vector<KeyRange>& before = layout_.before.emplace_back();
    for (const std::size_t prefix :
         prefixes_of(args.conditioning, side, static_cast<int64_t>(s), PrefixSite::cross))
      before.push_back(of_prefix[prefix]);
    before.push_back(encoder_tokens(args.batch, encodes_, s));
  }
  last_layout_ = args.all_tokens ? layout_ : select_queries(layout_, args.batch.answer_tokens_host);
}

std::vector<KeyValues> CrossPass::sources(int64_t layer, const std::function<KeyValues()>& project) const {
  const auto l = static_cast<std::size_t>(layer);
  std::vector<KeyValues> result;
  if (encodes_) {
    result.push_back(project());
    if (args_.cache_out) {
      const at::NoGradGuard no_grad;
      std::vector<KvCachePool::Layer>& kept = args_.cache_out->pool().cross;
      const auto& [key, value] = result[0];
      if (l == kept.size())
        kept.push_back({key.detach(), value.detach()});
      else
        kept[l] = {joined(kept[l].key, key), joined(kept[l].value, value)};
    }
  } else {
    const KvCachePool::Layer& held = args_.batch.cache->pool().cross[l];
    result.push_back({held.key, held.value});
  }
  add_prefixes(args_.conditioning, PrefixSite::cross, layer, result);
  return result;
}

} // namespace cuecard
