/// Packed rows: what a backbone reads. There is no padding.
///
/// R rows, S sequences, A rows that are read, M rows that are soft slots. Tensors are int64 on the backbone's
/// device; vectors stay on the host, because loops over sequences must not wait for the device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/conditioning.hpp>
#include <cuecard/example.hpp>

namespace cuecard {

/// Where a row came from, for people and for word-level tasks.
struct RowOrigin {
  /// Index of the piece in the rendered prompt; -1 for special tokens that the tokenizer's post-processor
  /// added.
  int32_t piece = -1;
  int32_t word = -1;
  /// Byte range within the piece's text.
  uint32_t begin = 0, end = 0;
};

/// One side (encoder input, or decoder) of a batch: sequences of rows laid end to end.
struct Side {
  at::Tensor ids; ///< [R]; soft slots and triggers hold any valid id
  at::Tensor
      positions; ///< [R], from 0 in each sequence, rows of the parent counted, position offset not yet added
  at::Tensor segments; ///< [R], or undefined when all are 0

  /// [S + 1], sequence s is rows offsets[s] to offsets[s + 1].
  std::vector<int64_t> offsets{0};
  /// [S]: the sequence whose rows stand in front of this one's and are laid only once, or -1. A parent comes
  /// before its children, has no parent itself and is only used with causal attention. So a soft prompt in
  /// front of a hundred rows, or demonstrations in front of them, is computed once.
  std::vector<int64_t> parent;

  at::Tensor soft_rows;     ///< [M] rows that are soft slots, ascending
  at::Tensor soft_slots;    ///< [M] which row of Conditioning::embeddings fills each
  at::Tensor trigger_rows;  ///< [T] rows that are trigger slots
  at::Tensor trigger_slots; ///< [T] their slot numbers

  int64_t rows() const { return offsets.back(); }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

struct Batch {
  Side input;
  std::optional<Side> output; ///< decoder rows of an encoder-decoder; answers are read there when present

  /// [A] rows that are read, grouped by example in the order of `examples`.
  at::Tensor answer_rows;
  /// The same rows on the host.
  std::vector<int64_t> answer_rows_host;
  /// [examples + 1]: answers of example e are entries answer_offsets[e] to answer_offsets[e + 1] of
  /// `answer_rows`.
  std::vector<int64_t> answer_offsets{0};
  /// [A] token id that should stand at each read row (teacher forcing), or undefined.
  at::Tensor answer_targets;

  /// One entry per example (one per choice where an example has several): the sequence that holds its own rows
  /// (parents belong to no example), which example of the caller's list, which choice, which card.
  std::vector<int64_t> sequence_of;
  std::vector<const Example*> examples;
  std::vector<int64_t> choices;
  std::vector<int64_t> cards;
  /// [S] which card each sequence of the input belongs to, parents included.
  std::vector<int64_t> sequence_cards;
  /// [examples] gold labels as int64 on the device; -1 where unknown. Undefined when no example has one.
  at::Tensor labels;

  /// Keys and values of rows that were forwarded before, and which of its sequences stands in front of each
  /// input sequence (of the output side's, where there is one): [S], -1 none. Null and empty: none at all.
  std::shared_ptr<const Past> past;
  std::vector<int64_t> past_of;
  /// Origin of every input row, or empty when nobody asked.
  std::vector<RowOrigin> origin;

  int64_t size() const { return static_cast<int64_t>(examples.size()); }
};

} // namespace cuecard
