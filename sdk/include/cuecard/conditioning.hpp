/// What a tuner does to a frozen backbone, as data.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// How a pass through the model is meant. Whatever a component draws in it comes from Random(seed, a stream of
/// its own), so that a step can be made again.
struct Pass {
  bool learn = false; ///< the loss will be taken: dropout of what is learned, terms that only training has
  uint64_t seed = 0;  ///< another one in each step
};

/// Which attention a per-layer prefix stands in front of.
enum class PrefixSite {
  self,    ///< the one of a model with one stack; the decoder's own of an encoder-decoder
  encoder, ///< the encoder's own
  cross,   ///< the decoder's over the encoder
};

/// Learned keys and values in front of every layer's own (Prefix-Tuning, P-tuning v2). Keys are final: a rotary
/// model does not rotate them (algorithms.md section 6).
struct Prefix {
  PrefixSite site = PrefixSite::self;
  at::Tensor key, value; ///< [layers, P, kv_heads, head_dim] of that site, float32
  /// By how many positions it moves the rows behind it: P where it counts as P tokens, 0 where it doesn't.
  int64_t positions = 0;
};

/// Independent of the input, so made once a step. Tensors are on the backbone's device; gradients flow into
/// them.
struct Conditioning {
  /// [slots, embedding width]: rows that fill soft slots. Undefined when there are none.
  at::Tensor embeddings;
  std::vector<Prefix> prefixes;
  /// [trigger slots] int64: tokens that stand in trigger slots, instead of those in the batch. Undefined: the
  /// batch's.
  at::Tensor triggers;
  /// [cards][sites]: which of `prefixes` each card of the batch has. The engine fills this in; a tuner leaves
  /// it empty, which means that all of its prefixes hold.
  std::vector<std::vector<int64_t>> prefixes_of;
};

} // namespace cuecard
