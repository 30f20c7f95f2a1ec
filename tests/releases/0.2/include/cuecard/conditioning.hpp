/// What a tuner does to a frozen backbone, as data.
///
/// Tensors are on the backbone's device; gradients flow into them. Sites, weights and soft slots are named by what the
/// backbone declares (BackboneShape::sites, Backbone::linear_layers) and what the prompt contains (Piece::soft).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// Mode of a forward pass. Components draw random numbers from Random(seed, stream), each with a stream of its own, so that a step
/// is reproducible.
struct Pass {
  bool training = false; ///< the loss is used: dropout on trained tensors, loss terms of training only
  uint64_t seed = 0;     ///< differs from step to step
};

/// The attention that a per-layer prefix belongs to.
enum class PrefixSite {
  self,    ///< of a model with one stack; the decoder's self-attention of an encoder-decoder
  encoder, ///< the encoder's self-attention
  cross,   ///< the decoder's cross-attention over the encoder
};

/// Trained keys and values that precede every layer's own (Li & Liang 2021, section 4; Liu et al. 2022, "P-Tuning v2"). Keys are
/// used as they are: a rotary model does not rotate them. A prefix has keys and values of all layers of its site; what is to enter at a
/// later layer only is a late soft token (Piece::first_layer).
struct Prefix {
  PrefixSite site = PrefixSite::self;
  at::Tensor key, value; ///< [layers, P, kv_heads, head_dim] of that site, float32; P is at least 1
  /// How many positions it shifts the tokens after it: P if it counts as P tokens, 0 if it does not.
  int64_t positions = 0;
  /// The one input that it applies to, an index into ConditionArgs::inputs; -1: all.
  int64_t input = -1;
};

/// A low-rank update of a linear layer (Hu et al. 2021, section 4.1): y = W x + b + scale * B A dropout(x). Several updates of one
/// weight add up.
struct LowRankUpdate {
  std::string weight; ///< Backbone::linear_layers()'s name
  at::Tensor a, b;    ///< [r, in], [out, r], float32; r is at least 1
  double scale = 1;
  double dropout = 0; ///< probability that an element of x is zeroed, in training passes; at least 0, below 1
};

/// An elementwise rescaling of a linear layer (Liu et al. 2022, "IA3", section 3.3): of its output, low-rank updates included, or of its
/// input. Several rescalings of one weight multiply.
struct Rescaling {
  std::string weight; ///< Backbone::linear_layers()'s name
  at::Tensor factors; ///< [out], or [in] when `of_input`, float32
  bool of_input = false;
};

/// What `Tuner::condition` returns. Everything is optional.
struct Conditioning {
  /// Embeddings of the soft slots: [slots, embedding width] float32, or [inputs, slots, embedding width] from a tuner whose soft
  /// prompts depend on the input (Tuner::input_features).
  at::Tensor embeddings;
  /// Hidden states that replace those of late soft slots (Piece::first_layer > 0): [slots, hidden] float32, or [inputs, slots, hidden].
  /// Numbered like soft slots; entries of ordinary soft slots are not read. Undefined if no prompt has late soft slots.
  at::Tensor late_embeddings = {};
  std::vector<Prefix> prefixes = {};
  std::vector<LowRankUpdate> low_rank = {};
  std::vector<Rescaling> rescalings = {};
  /// [trigger slots] int64: tokens in the trigger slots, instead of those in the batch. Undefined: the batch's.
  at::Tensor triggers = {};
};

/// What `conditioning` consists of, for messages: "soft embeddings", "late embeddings", "prefixes", "low-rank updates", "rescalings" and
/// "trigger tokens", joined by " and "; "nothing" if it is empty.
CUECARD_API std::string parts_of(const Conditioning& conditioning);

/// The conditioning of all cards of a batch, as a backbone receives it. The engine builds it; a plugin never does, except in
/// tests, where a Conditioning converts to one that applies to every card.
struct CUECARD_API BatchConditioning {
  BatchConditioning() = default;
  /// Applies `all` to every sequence of a batch, whatever its card. Embeddings [inputs, slots, width] become [inputs * slots, width].
  BatchConditioning(Conditioning all); // NOLINT(google-explicit-constructor)

  /// [slots of all cards and inputs, embedding width] float32, indexed by Side::soft_slots.
  at::Tensor embeddings;
  at::Tensor late_embeddings; ///< [slots of all cards and inputs, hidden] float32, indexed by LateTokens::slots
  std::vector<Prefix> prefixes;
  std::vector<LowRankUpdate> low_rank;
  std::vector<Rescaling> rescalings;
  at::Tensor triggers; ///< Conditioning::triggers, indexed by Side::trigger_slots; only in batches of one card
  /// The card that each entry of `prefixes`, `low_rank` and `rescalings` belongs to; -1: every card.
  std::vector<int64_t> prefix_cards, low_rank_cards, rescaling_cards;
  Pass pass = {}; ///< of the forward pass: dropout of low-rank updates
};

} // namespace cuecard
