/// Keys and values of rows that were forwarded before.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// A pool of rows, and sequences that are lists of row ranges in it. Sequences may share ranges, so what
/// several have in common (a learned prompt, demonstrations, the text in front of beams) is kept once.
///
/// Threads: const methods may run concurrently.
class CUECARD_API Past {
public:
  struct Layer {
    at::Tensor key, value; ///< [capacity, kv_heads, head_dim], keys rotated where the model rotates
  };
  struct Rows {
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
  };

  std::vector<Layer> layers;
  /// [N] the rows of each sequence, in order.
  std::vector<std::vector<Rows>> ranges;
  /// [N] position of the row that follows. Differs from the length where a prefix counts as positions.
  std::vector<int64_t> next_position;

  /// Encoder-decoders: keys and values of encoder rows, projected once, for each decoder layer; where each
  /// encoder sequence's begin; and which of these each sequence attends to, [N].
  std::vector<Layer> cross;
  std::vector<int64_t> cross_offsets{0};
  std::vector<int64_t> source_of;

  int64_t sequences() const { return static_cast<int64_t>(ranges.size()); }
  int64_t length(int64_t sequence) const;
  /// The first `rows` rows of a sequence.
  std::vector<Rows> front(int64_t sequence, int64_t rows) const;
  /// Memory of the pool.
  int64_t bytes() const;

  /// A new sequence that goes on from `sequence`, sharing its rows; -1: from nothing. Returns its number.
  int64_t fork(int64_t sequence);
  /// `sequence` is empty from now on. Its rows are used again when the pool would have to grow.
  void release(int64_t sequence);

  /// Makes sure that the next `append`s, `rows` rows in all, leave what is there in its place.
  void reserve(int64_t rows);
  /// Makes room for `count` rows at the end of `sequence` and says where in the pool; `put` fills it. A single
  /// row is taken for a step of decoding: then room for its successors is kept behind it.
  std::vector<Rows> append(int64_t sequence, int64_t count);
  /// Keys and values [n, kv_heads, head_dim] of layer `layer` into the `n` rows `where`, in that order.
  void put(int64_t layer, const at::Tensor& key, const at::Tensor& value, const std::vector<Rows>& where);

  /// The sequences `which`, in that order, in memory of their own.
  Past select(const std::vector<int64_t>& which) const;

private:
  void compact();

  int64_t rows_ = 0;       ///< rows of the pool that were ever given out
  std::vector<Rows> room_; ///< [N] rows kept behind the last of each sequence
};

} // namespace cuecard
