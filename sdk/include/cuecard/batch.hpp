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

#include <cuecard/example.hpp>
#include <cuecard/past.hpp>

namespace cuecard {

/// Where a row came from: which part of which field of the example.
struct RowOrigin {
  int32_t field = -1; ///< index into Template::fields(); -1: none of them
  int32_t word = -1;  ///< index of the word in a field of words; -1: it is no such field
  /// Byte range within the field's text (within the word's, in a field of words).
  int64_t begin = 0, end = 0;
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
  /// before its children, may have a parent itself, and is only used with causal attention. So a soft prompt in
  /// front of a hundred rows is computed once, and a text in front of several answers, too.
  std::vector<int64_t> parent;
  /// [S] which card each sequence belongs to, parents included.
  std::vector<int64_t> cards;
  /// [S] which sequence of Batch::past stands in front of each (of its parent, where it has one: then -1 here);
  /// -1 none. Empty: none at all.
  std::vector<int64_t> past_of;

  at::Tensor soft_rows;     ///< [M] rows that are soft slots, ascending
  at::Tensor soft_slots;    ///< [M] which row of Conditioning::embeddings fills each
  at::Tensor trigger_rows;  ///< [T] rows that are trigger slots
  at::Tensor trigger_slots; ///< [T] their slot numbers

  int64_t rows() const { return offsets.back(); }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

struct Batch {
  Side input;
  /// Decoder rows of an encoder-decoder; answers are read there when present.
  std::optional<Side> output;
  /// [output sequences] the input sequence that each attends to; several may share one. Empty where the past
  /// holds what is attended to (Past::source_of).
  std::vector<int64_t> source_of;

  /// [A] rows that are read, grouped by entry.
  at::Tensor answer_rows;
  /// The same rows on the host.
  std::vector<int64_t> answer_rows_host;
  /// [entries + 1]: what is read of entry e is answer_offsets[e] to answer_offsets[e + 1] of `answer_rows`.
  std::vector<int64_t> answer_offsets{0};
  /// [A] token id that should stand at each read row (teacher forcing); -1 where none is given.
  at::Tensor answer_targets;
  /// [A] gold label of each read row where words have labels of their own (Reading::Rows::words); -1 unknown.
  at::Tensor answer_labels;
  /// [A] where each read row came from.
  std::vector<RowOrigin> answer_origin;

  /// Entries: one per example, or several where it has several prompts. Entries of one example are neighbours
  /// and never split over batches; its prompts differ in choice, variant or candidate.
  std::vector<const Example*> examples;
  std::vector<int64_t> choices;    ///< Prompt::choice
  std::vector<int64_t> variants;   ///< Prompt::variant
  std::vector<int64_t> candidates; ///< which of Verbalizer::given_answers stands in the answer slots
  std::vector<int64_t> cards;
  /// The sequence that holds an entry's own rows (parents belong to none); of the side that is read.
  std::vector<int64_t> sequence_of;
  /// [entries] gold labels as int64 on the device; -1 where unknown.
  at::Tensor labels;

  /// Keys and values of rows that were forwarded before (Side::past_of), or null.
  std::shared_ptr<const Past> past;

  int64_t size() const { return static_cast<int64_t>(examples.size()); }
  /// Whether entry `e` is about another example than the entry in front of it.
  bool begins_example(int64_t e) const {
    return e == 0 || examples[static_cast<std::size_t>(e)] != examples[static_cast<std::size_t>(e) - 1] ||
           cards[static_cast<std::size_t>(e)] != cards[static_cast<std::size_t>(e) - 1];
  }
  /// The side whose rows are read.
  const Side& read_side() const { return output ? *output : input; }
};

} // namespace cuecard
