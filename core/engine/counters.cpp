#include "engine/counters.hpp"

namespace cuecard {

at::Tensor CountedBackbone::forward(const Batch& batch, const Conditioning& conditioning, Past* keep) const {
  ++counters_.forwards;
  counters_.rows_forwarded += batch.input.rows() + (batch.output ? batch.output->rows() : 0);
  if (batch.past)
    for (std::size_t s = 0; s < batch.past_of.size(); ++s)
      if (const int64_t past = batch.past_of[s]; past >= 0)
        counters_.rows_from_cache += batch.past->offsets[past + 1] - batch.past->offsets[past];
  return backbone_.forward({batch, conditioning, keep});
}

at::Tensor CountedBackbone::read(const at::Tensor& hidden, const Readout& readout) const {
  const at::Tensor values = backbone_.read(hidden, readout);
  if (readout.kind == Readout::Kind::log_probs)
    counters_.scores_projected +=
        hidden.size(0) * backbone_.shape().vocabulary; // normalising takes all of them
  else if (readout.kind == Readout::Kind::scores)
    counters_.scores_projected += values.numel();
  return values;
}

} // namespace cuecard
