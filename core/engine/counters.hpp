/// Counts of the work that the model did. Every verb that runs the model prints them; tests assert counts
/// instead of times.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include <cuecard/backbone.hpp>

namespace cuecard {

/// A histogram of the sizes of forward passes.
struct PassSizes {
  /// Bucket i holds the sizes up to 2^i that the buckets before it don't; the last one all others.
  std::array<int64_t, 17> passes{};
  int64_t sum = 0; ///< of all sizes

  void add(int64_t size) {
    const auto bucket =
        static_cast<std::size_t>(std::bit_width(static_cast<uint64_t>(std::max<int64_t>(size, 1) - 1)));
    ++passes[std::min(bucket, passes.size() - 1)];
    sum += size;
  }
};

inline PassSizes& operator+=(PassSizes& sum, const PassSizes& more) {
  for (std::size_t bucket = 0; bucket < sum.passes.size(); ++bucket)
    sum.passes[bucket] += more.passes[bucket];
  sum.sum += more.sum;
  return sum;
}

struct Counters {
  int64_t forwards = 0;          ///< forward passes of the backbone
  int64_t tokens_forwarded = 0;  ///< tokens in those passes
  int64_t logits_computed = 0;   ///< logits of the vocabulary
  int64_t tokens_from_cache = 0; ///< cached tokens, counted once for each sequence that attended to them
  PassSizes rows = {};           ///< prompts, or texts that are generated, of each pass
  PassSizes tokens = {};         ///< tokens of each pass, cached ones left out
};

inline Counters& operator+=(Counters& sum, const Counters& more) {
  sum.forwards += more.forwards;
  sum.tokens_forwarded += more.tokens_forwarded;
  sum.logits_computed += more.logits_computed;
  sum.tokens_from_cache += more.tokens_from_cache;
  sum.rows += more.rows;
  sum.tokens += more.tokens;
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
