#include "engine/counters.hpp"

namespace cuecard {

at::Tensor CountedBackbone::forward(const Batch& batch, const Conditioning& conditioning, Past* keep) const {
  ++counters_.forwards;
  counters_.rows_forwarded += batch.input.rows() + (batch.output ? batch.output->rows() : 0);
  for (const Side* side : {&batch.input, batch.output ? &*batch.output : nullptr}) {
    if (!side || side->past_of.empty())
      continue;
    std::vector<int64_t> root; // of each sequence: the one whose past it sees
    for (int64_t s = 0; s < side->sequences(); ++s) {
      const int64_t parent = side->parent.empty() ? -1 : side->parent[static_cast<std::size_t>(s)];
      root.push_back(parent < 0 ? s : root[static_cast<std::size_t>(parent)]);
      if (const int64_t past = side->past_of[static_cast<std::size_t>(root.back())]; past >= 0)
        counters_.rows_from_cache += batch.past->length(past);
    }
  }
  return backbone_.forward({batch, conditioning, keep});
}

at::Tensor CountedBackbone::read(const at::Tensor& hidden, const Readout& readout, const Batch& batch) const {
  const at::Tensor values = backbone_.read({hidden, readout, batch.answer_targets});
  if (readout.kind == Readout::Kind::log_probs || readout.kind == Readout::Kind::target_log_probs)
    counters_.scores_projected +=
        hidden.size(0) * backbone_.shape().vocabulary; // normalising takes all of them
  else if (readout.kind == Readout::Kind::scores)
    counters_.scores_projected += values.numel();
  return values;
}

} // namespace cuecard
