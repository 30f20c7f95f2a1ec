/// A packed batch: the input of a backbone. Sequences are concatenated; there is no padding.
///
/// T tokens, S sequences, A selected tokens (those whose hidden states are used), M soft tokens, E entries. Tensors are int64 on
/// the backbone's device; vectors are on the host, because loops over sequences must not wait for the device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/example.hpp>
#include <cuecard/kv_cache.hpp>

namespace cuecard {

/// The part of an example that a token came from.
struct TokenOrigin {
  int32_t field = -1; ///< index into Template::fields(); -1: not from a field
  int32_t word = -1;  ///< index of the word in a field of words; -1: no such field
  /// Byte range within the field's text (within the word's, in a field of words).
  int64_t begin = 0, end = 0;
};

/// Soft tokens that enter the model at a later layer (Piece::first_layer). The layers below neither see them nor count their
/// positions.
struct LateTokens {
  int64_t layer = 0; ///< the first layer that sees them, from 1
  at::Tensor tokens; ///< [n] their indices among the side's tokens, ascending
  at::Tensor slots;  ///< [n] row of BatchConditioning::late_embeddings for each
};

/// One side of a batch: the input of a model with one stack, the encoder's input, or the decoder's.
struct Side {
  at::Tensor ids; ///< [T]; soft and trigger slots hold any valid id
  at::Tensor
      positions; ///< [T] from 0 in each sequence, counting its parent's tokens, before prefixes and cached tokens are added
  at::Tensor segments; ///< [T], or undefined when all are 0

  /// [S + 1], sequence s is tokens offsets[s] to offsets[s + 1] (`cu_seqlens`).
  std::vector<int64_t> offsets{0};
  /// [S]: the sequence whose tokens precede this one's and are stored only once, or -1. A parent comes before its children, may
  /// have a parent itself, and is only used with causal attention. So a soft prompt before a hundred texts is computed once,
  /// and so is a text before several answers.
  std::vector<int64_t> parent;
  /// [S] the card that each sequence belongs to, parents included.
  std::vector<int64_t> cards;
  /// [S] the input (index among the examples of its card in this batch) that each sequence belongs to; -1: its card is not
  /// input-dependent. Empty when no card of the batch is.
  std::vector<int64_t> inputs;
  /// [S] the sequence of Batch::cache that each continues (its parent does, where it has one: then -1 here); -1: none. Empty:
  /// none at all.
  std::vector<int64_t> cache_of;

  at::Tensor soft_tokens;    ///< [M] indices of soft tokens, ascending; late ones are in `late`
  at::Tensor soft_slots;     ///< [M] row of BatchConditioning::embeddings for each
  at::Tensor trigger_tokens; ///< [N] indices of tokens in trigger slots
  at::Tensor trigger_slots;  ///< [N] their slot numbers
  /// By first layer, ascending. Empty: there are none.
  std::vector<LateTokens> late;
  /// [S] how many tokens at the beginning of each sequence are late, and the first layer that sees them; all late tokens of a
  /// sequence enter at one layer. Empty: none at all.
  std::vector<int64_t> late_lengths, late_layers;

  /// The number of tokens and of sequences, from `offsets`.
  int64_t num_tokens() const { return offsets.back(); }
  int64_t num_sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// The input of a backbone: one or two sides, the selected tokens, and a description of each entry (one prompt of one example).
struct Batch {
  Side input;
  /// The decoder's side of an encoder-decoder; when present, it holds the answers.
  std::optional<Side> output;
  /// [output sequences] the input sequence that each attends to; several may share one. Empty where the cache holds what is
  /// attended to.
  std::vector<int64_t> source_of;

  /// [A] indices of the selected tokens, grouped by entry.
  at::Tensor answer_tokens;
  /// The same on the host.
  std::vector<int64_t> answer_tokens_host;
  /// [E + 1]: the selected tokens of entry e are answer_offsets[e] to answer_offsets[e + 1] of `answer_tokens`.
  std::vector<int64_t> answer_offsets{0};
  /// [A] the correct token id at each selected token (teacher forcing); -1 where none is given.
  at::Tensor answer_targets;
  /// [A] gold label of each selected token where words have labels of their own (OutputPositions::Kind::words); -1: unknown.
  at::Tensor answer_labels;
  /// [A] where each selected token came from.
  std::vector<TokenOrigin> answer_origin;

  /// Entries: one per prompt. An example has one prompt or several; its entries are adjacent, are never split across batches,
  /// and differ in choice, variant or candidate.
  std::vector<const Example*> examples;
  std::vector<int64_t> choices;    ///< Prompt::choice
  std::vector<int64_t> variants;   ///< Prompt::variant
  std::vector<int64_t> candidates; ///< which of Verbalizer::given_answers is in the answer slots
  std::vector<int64_t> cards;
  /// [E] the sequence that holds an entry's own tokens (parents belong to no entry), on the answer side.
  std::vector<int64_t> sequence_of;
  /// [E] gold labels; -1: unknown.
  at::Tensor labels;

  /// Keys and values of tokens that were forwarded before (Side::cache_of), or null.
  std::shared_ptr<const KvCache> cache;

  /// The number of entries.
  int64_t size() const { return static_cast<int64_t>(examples.size()); }
  /// Whether entry `e` belongs to a different example than the entry before it.
  bool begins_example(int64_t e) const {
    return e == 0 || examples[static_cast<std::size_t>(e)] != examples[static_cast<std::size_t>(e) - 1] ||
           cards[static_cast<std::size_t>(e)] != cards[static_cast<std::size_t>(e) - 1];
  }
  /// The side that holds the answers.
  const Side& answer_side() const { return output ? *output : input; }
};

} // namespace cuecard
