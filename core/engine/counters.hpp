/// What the model was made to do. Printed by every verb that runs it; tests count with them instead of clocks.
#pragma once

#include <cstdint>

#include <cuecard/backbone.hpp>

namespace cuecard {

struct Counters {
  int64_t forwards = 0;         ///< forward passes of the backbone
  int64_t rows_forwarded = 0;   ///< rows in them
  int64_t scores_projected = 0; ///< vocabulary scores computed
  int64_t rows_from_cache =
      0; ///< rows that stood in a past instead of being forwarded, once for each sequence that saw them
};

inline Counters& operator+=(Counters& sum, const Counters& more) {
  sum.forwards += more.forwards;
  sum.rows_forwarded += more.rows_forwarded;
  sum.scores_projected += more.scores_projected;
  sum.rows_from_cache += more.rows_from_cache;
  return sum;
}

/// The backbone's two calls, counted.
class CountedBackbone {
public:
  CountedBackbone(const Backbone& backbone, Counters& counters) : backbone_(backbone), counters_(counters) {}

  /// Hidden states at the batch's answer rows; with `keep`, keys and values of all rows too.
  at::Tensor forward(const Batch& batch, const Conditioning& conditioning, Past* keep = nullptr) const;
  /// What `readout` asks of those hidden states; `batch` says which tokens should stand there.
  at::Tensor read(const at::Tensor& hidden, const Readout& readout, const Batch& batch) const;

private:
  const Backbone& backbone_;
  Counters& counters_;
};

} // namespace cuecard
