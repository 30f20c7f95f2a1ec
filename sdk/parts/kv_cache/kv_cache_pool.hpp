/// The storage of a KvCache: one pool of tokens per layer, and sequences that are lists of token ranges in it.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>
#include <cuecard/kv_cache.hpp>

namespace cuecard {

struct CUECARD_API KvCachePool {
  struct Layer {
    at::Tensor key, value; ///< [capacity, kv_heads, head_dim], keys rotated where the model rotates
  };
  /// Tokens begin to end of the pool. Layers below `first_layer` do not see them (late soft tokens).
  struct Range {
    int64_t begin = 0, end = 0;
    int64_t first_layer = 0;
    int64_t size() const { return end - begin; }
  };

  std::vector<Layer> layers;
  /// [N] the tokens of each sequence, in order.
  std::vector<std::vector<Range>> ranges;
  /// [N] position of the next token.
  std::vector<int64_t> next_position;

  /// Encoder-decoders: keys and values of encoder tokens, projected once, for each decoder layer; where each encoder sequence's
  /// begin; and which of these each sequence attends to, [N].
  std::vector<Layer> cross;
  std::vector<int64_t> cross_offsets{0};
  std::vector<int64_t> source_of;

  int64_t num_sequences() const { return static_cast<int64_t>(ranges.size()); }
  int64_t length(int64_t sequence) const;
  /// The first `tokens` tokens of a sequence.
  std::vector<Range> first(int64_t sequence, int64_t tokens) const;
  int64_t bytes() const;

  /// A new sequence that shares the tokens of `sequence`; -1: an empty one. Returns its number.
  int64_t fork(int64_t sequence);
  void release(int64_t sequence);

  /// Ensures that the next `append`s, of `tokens` tokens in total, don't move tokens of the pool.
  void reserve(int64_t tokens);
  /// Makes room for `count` tokens at the end of `sequence` and returns where in the pool; `put` fills it. A single token
  /// counts as a decoding step: room for its successors is reserved after it.
  std::vector<Range> append(int64_t sequence, int64_t count, int64_t first_layer = 0);
  /// Stores keys and values [n, kv_heads, head_dim] of layer `layer` in the `n` tokens `where`, in that order.
  void put(int64_t layer, const at::Tensor& key, const at::Tensor& value, const std::vector<Range>& where);

  KvCachePool select(const std::vector<int64_t>& which) const;

private:
  void compact();

  int64_t size_ = 0;        ///< tokens of the pool that were ever allocated
  std::vector<Range> room_; ///< [N] tokens reserved after the last one of each sequence
};

} // namespace cuecard
