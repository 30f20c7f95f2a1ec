#include "engine/counters.hpp"

namespace cuecard {

void CountedBackbone::count(const Batch& batch) const {
  ++counters_.forwards;
  const int64_t tokens = batch.input.num_tokens() + (batch.output ? batch.output->num_tokens() : 0);
  counters_.tokens_forwarded += tokens;
  counters_.tokens.add(tokens);
  counters_.rows.add(batch.size());
  for (const Side* side : {&batch.input, batch.output ? &*batch.output : nullptr}) {
    if (!side || side->cache_of.empty())
      continue;
    std::vector<int64_t> root; // of each sequence: the outermost parent, which may continue a cached sequence
    for (int64_t s = 0; s < side->num_sequences(); ++s) {
      const int64_t parent = side->parent.empty() ? -1 : side->parent[static_cast<std::size_t>(s)];
      root.push_back(parent < 0 ? s : root[static_cast<std::size_t>(parent)]);
      if (const int64_t cached = side->cache_of[static_cast<std::size_t>(root.back())]; cached >= 0)
        counters_.tokens_from_cache += batch.cache->length(cached);
    }
  }
}

at::Tensor CountedBackbone::forward(const Batch& batch, const BatchConditioning& conditioning,
                                    KvCache* cache_out) const {
  count(batch);
  return backbone_.forward({batch, conditioning, cache_out});
}

at::Tensor CountedBackbone::hidden_states(const Batch& batch, int64_t layers) const {
  count(batch);
  return backbone_.forward({batch, BatchConditioning(), nullptr, true, layers});
}

at::Tensor CountedBackbone::project(const at::Tensor& hidden, const OutputRequest& request,
                                    const Batch& batch) const {
  const at::Tensor outputs = backbone_.project({hidden, request, batch.answer_targets});
  if (request.kind == OutputRequest::Kind::log_probs || request.kind == OutputRequest::Kind::target_log_probs)
    counters_.logits_computed += hidden.size(0) * backbone_.shape().vocabulary; // normalising needs all of them
  else if (request.kind == OutputRequest::Kind::logits)
    counters_.logits_computed += outputs.numel();
  return outputs;
}

} // namespace cuecard
