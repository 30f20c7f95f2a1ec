/// What a tuner does to a frozen backbone, as data; and keys and values that are already computed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/export.hpp>

namespace cuecard {

/// Which attention a per-layer prefix stands in front of.
enum class PrefixSite { self, encoder, decoder, cross };

/// Learned keys and values in front of every layer's own (Prefix-Tuning, P-tuning v2). Keys are final: a rotary
/// model does not rotate them (algorithms.md section 6).
struct Prefix {
  PrefixSite site = PrefixSite::self;
  at::Tensor key, value; ///< [layers, P, kv_heads, head_dim], float32
};

/// Independent of the input, so made once a step. Tensors are on the backbone's device; gradients flow into
/// them.
struct Conditioning {
  /// [slots, embedding width]: rows that fill soft slots. Undefined when there are none.
  at::Tensor embeddings;
  std::vector<Prefix> prefixes;
  /// [sequences of the batch][site entries]: which of `prefixes` each sequence has. The engine fills this in;
  /// tuners leave it empty, which means that all of theirs hold for every sequence.
  std::vector<std::vector<int64_t>> prefix_of;
  /// Added to the positions of a sequence's rows: P where a prefix counts as P tokens, 0 where it doesn't.
  /// Tuners give one entry; the engine spreads it to [sequences].
  std::vector<int64_t> position_offset;
  /// Weights that replace the backbone's, by its own names (fine-tuning). Cards with any run as batches of
  /// their own.
  std::map<std::string, at::Tensor> weights;
};

/// Keys and values of rows that were forwarded before, for N past sequences laid end to end.
class CUECARD_API Past {
public:
  struct Layer {
    at::Tensor key, value; ///< [rows, kv_heads, head_dim], keys rotated where the model rotates
  };

  std::vector<Layer> layers;
  std::vector<int64_t> offsets{0}; ///< [N + 1]
  /// Position of the row that follows each past sequence, [N]. Differs from the length where a position offset
  /// was added.
  std::vector<int64_t> next_position;
  at::Tensor encoder_hidden; ///< encoder output of encoder-decoders, [encoder rows, hidden], or undefined
  std::vector<int64_t> encoder_offsets;

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t rows() const { return offsets.back(); }
  int64_t bytes() const;

  /// The past sequences `which`, in that order, repetitions allowed (that is how beams fork).
  Past select(const std::vector<int64_t>& which) const;
  /// One past that holds the sequences of both, these first.
  static Past concat(const std::vector<const Past*>& parts);
};

} // namespace cuecard
