/// Counts of the work that the model did. Every verb that runs the model prints them; tests assert counts
/// instead of times.
#pragma once

#include <cstdint>

#include <cuecard/backbone.hpp>

namespace cuecard {

struct Counters {
  int64_t forwards = 0;          ///< forward passes of the backbone
  int64_t tokens_forwarded = 0;  ///< tokens in those passes
  int64_t logits_computed = 0;   ///< logits of the vocabulary
  int64_t tokens_from_cache = 0; ///< cached tokens, counted once for each sequence that attended to them
};

inline Counters& operator+=(Counters& sum, const Counters& more) {
  sum.forwards += more.forwards;
  sum.tokens_forwarded += more.tokens_forwarded;
  sum.logits_computed += more.logits_computed;
  sum.tokens_from_cache += more.tokens_from_cache;
  return sum;
}

/// A backbone whose calls are counted. Both arguments must outlive it.
class CountedBackbone {
public:
  CountedBackbone(const Backbone& backbone, Counters& counters) : backbone_(backbone), counters_(counters) {}

  /// Hidden states of the batch's selected tokens; with `cache_out`, keys and values of all tokens too.
  at::Tensor forward(const Batch& batch, const BatchConditioning& conditioning,
                     KvCache* cache_out = nullptr) const;
  /// Hidden states [tokens, hidden] of all tokens of the input side after `layers` layers
  /// (ForwardArgs::layers), unconditioned.
  at::Tensor hidden_states(const Batch& batch, int64_t layers) const;
  /// The outputs of `request` at those hidden states; `batch` gives the target tokens.
  at::Tensor project(const at::Tensor& hidden, const OutputRequest& request, const Batch& batch) const;

private:
  void count(const Batch& batch) const;

  const Backbone& backbone_;
  Counters& counters_;
};

} // namespace cuecard
