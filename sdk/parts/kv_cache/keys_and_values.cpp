#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <cuecard/batch.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>

#include "kv_cache/kv_cache_pool.hpp"

namespace cuecard {

namespace {

Side alone(const at::Tensor& ids, const at::Device& device) {
  Side side;
  side.ids = ids.to(device);
  side.positions = at::arange(ids.size(0), at::kLong).to(device);
  side.offsets = {0, ids.size(0)};
  side.parent = {-1};
  side.cards = {0};
  return side;
}

/// The cached keys and values of one sequence, stacked over layers.
Prefix stacked(PrefixSite site, const std::vector<KvCachePool::Layer>& layers,
               const std::vector<KvCachePool::Range>& ranges) {
  std::vector<at::Tensor> keys, values;
  for (const KvCachePool::Layer& layer : layers) {
    std::vector<at::Tensor> key, value;
    for (const KvCachePool::Range& range : ranges) {
      key.push_back(layer.key.narrow(0, range.begin, range.size()));
      value.push_back(layer.value.narrow(0, range.begin, range.size()));
    }
    keys.push_back(at::cat(key));
    values.push_back(at::cat(value));
  }
  return {site, at::stack(keys).to(at::kFloat), at::stack(values).to(at::kFloat), 0};
}

} // namespace

Prefix keys_and_values(const Backbone& backbone, const at::Tensor& ids, PrefixSite site) {
  const at::NoGradGuard no_grad;
  const int64_t length = ids.size(0);
  Batch batch;
  batch.input = alone(ids, backbone.device());
  // For the encoder's site the encoder runs alone and fills the cache; otherwise the decoder does.
  if (backbone.shape().encoder_decoder && site != PrefixSite::encoder) {
    batch.output = alone(ids, backbone.device());
    batch.source_of = {0};
  }
  batch.answer_tokens = batch.input.positions.narrow(0, length - 1, 1);
  batch.answer_tokens_host = {length - 1};
  KvCache kept;
  const BatchConditioning nothing;
  backbone.forward({batch, nothing, &kept});
  if (site == PrefixSite::cross)
    return stacked(site, kept.pool().cross, {{0, length}});
  Prefix words = stacked(site, kept.pool().layers, kept.pool().ranges.at(0));
  words.positions = length;
  return words;
}

} // namespace cuecard
