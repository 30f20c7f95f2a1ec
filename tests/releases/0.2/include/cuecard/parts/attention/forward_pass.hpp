/// What every layer of one forward pass over a side needs: positions, attention layouts, keys and values of prefixes and caches,
/// and the updates that cards make to linear layers. A backbone creates one at the start of `forward` and passes it from layer to
/// layer; an encoder-decoder creates one for the encoder, one for the decoder, and a `CrossPass` between them.
///
/// T tokens of the side, A selected tokens, S sequences, G key/value heads, D head size. Hidden states, keys and values are in the weights'
/// dtype; all tensors are on the backbone's device.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/layers/layers.hpp>

namespace cuecard {

struct CacheSlots;

/// One pass over one side. Threads: used by one thread at a time, since `sources` writes to `args.cache_out` and `attention` to the
/// layouts. Passes of different calls of `forward` are independent of each other if each has its own `cache_out`.
class CUECARD_API ForwardPass {
public:
  /// For self-attention over `side` of args.batch, with the prefixes of `site`. `args` and `side` must outlive it. Adds the side's
  /// sequences to `args.cache_out`, if that is set and the side holds the answers. DataError, with both numbers, for a sequence that is
  /// longer than the model's positions. Error if BackboneShape::windows doesn't have one entry for each layer of a model with one stack,
  /// and if sequences without an input sequence (Batch::source_of) are to be added to a cache other than the batch's own.
  ForwardPass(const ForwardArgs& args, const Side& side, const BackboneShape& shape, PrefixSite site);
  ~ForwardPass();
  ForwardPass(const ForwardPass&) = delete;
  ForwardPass& operator=(const ForwardPass&) = delete;

  /// [T] int64 positions: the side's own, shifted by cached tokens and prefixes.
  const at::Tensor& positions() const { return positions_; }

  /// [S] the number of positions of the longest text that each sequence is part of: prefixes, cached tokens, parents and children
  /// included. Late soft tokens have none.
  const std::vector<int64_t>& lengths() const { return lengths_; }

  /// How many of `layers` layers to run: all, or ForwardArgs::layers. The final norm follows only if all are run.
  int64_t layers(int64_t layers) const;
  bool partial() const { return args_.layers >= 0; }

  /// The layout of layer `layer`, from 0, when all tokens are queries, and of the last layer, where only the selected ones are (all, unless
  /// `selects_tokens`). Layers with the same window (BackboneShape::windows) that see the same tokens share one.
  const AttentionLayout& layout(int64_t layer) const;
  const AttentionLayout& last_layout() const { return last_layout_; }

  /// Whether the last layer needs to compute only the selected tokens of this side, and their indices, [A] int64.
  bool selects_tokens() const { return answers_ && !args_.all_tokens && !partial(); }
  const at::Tensor& selected_tokens() const { return args_.batch.answer_tokens; }

  /// The input `x` [T, hidden] of layer `layer`, with late soft tokens that enter there set to their embeddings, in the dtype of x; x
  /// itself if none enter. Differentiable in x and the embeddings. Call it at the start of every layer. Error if the conditioning has no
  /// late embeddings for them.
  at::Tensor enter(int64_t layer, const at::Tensor& x) const;

  /// `map(x)` with the updates that the batch's cards make to that layer (LowRankUpdate, Rescaling), each for its own tokens. x is [T, in],
  /// or [A, in] with `selected` (only if `selects_tokens`), in the weights' dtype: [T, out] or [A, out] in the same. Low-rank updates are
  /// computed in float32 (float64 for float64 weights). Differentiable in x, in the updates, and in weights that require gradients. Every
  /// layer that a backbone declares in `linear_layers` must be computed with this function. Errors: as `cuecard::linear`.
  at::Tensor linear(const Linear& map, const at::Tensor& x, bool selected = false) const;
  /// The same for rows x [n, in] that are not tokens of the batch, with the updates of card `card` and of every card: [n, out].
  at::Tensor linear_of_card(const Linear& map, const at::Tensor& x, int64_t card) const;
  /// Whether any card of the batch updates a layer, and the card of token `token` of the side, 0 to T - 1; -1 where none is named.
  bool has_updates() const { return !updates_.empty(); }
  int64_t card_of(int64_t token) const;

  /// Sources for `attention` in layer `layer`: own tokens first, `key` and `value` [T, G, D], then the cache's and the prefixes', which are
  /// converted to their dtype. Also stores the own tokens' in `args.cache_out`, if set; then it is called for every layer in ascending
  /// order, and a gap between the cached layers is an Error.
  std::vector<KeyValues> sources(int64_t layer, const at::Tensor& key, const at::Tensor& value) const;

private:
  /// Tokens of one card: a contiguous range, or indices on the device.
  struct CardTokens {
    int64_t begin = 0, end = 0;
    at::Tensor indices;
    bool all = false;
  };
  struct Updates {
    std::vector<std::size_t> low_rank, rescalings; ///< indices into the conditioning's
  };
  /// The layers from `first_layer` on, up to the next stage's, with the window `window`.
  struct Stage {
    int64_t first_layer = 0, window = 0;
    AttentionLayout layout;
  };

  void reserve_cache(const Side& side, const std::vector<int64_t>& shift);
  void cache_sources(const std::vector<int64_t>& cached_as) const;
  void find_updates(const Side& side);
  const CardTokens& tokens_of(int64_t card, bool selected) const;
  template <class Apply>
  at::Tensor updated(const Linear& map, const at::Tensor& x, const Apply& apply) const;

  const ForwardArgs& args_;
  const Side& side_;
  PrefixSite site_;
  bool answers_; ///< this is the side of the answers
  bool has_cache_ = false;
  std::unique_ptr<CacheSlots> slots_; ///< where in args.cache_out the own tokens go
  at::Tensor positions_;
  std::vector<int64_t> lengths_;
  std::vector<int64_t> windows_; ///< BackboneShape::windows
  std::vector<Stage> stages_;    ///< by first layer
  AttentionLayout last_layout_;
  std::map<std::string, Updates, std::less<>> updates_; ///< by weight
  std::map<int64_t, CardTokens> all_, selected_;        ///< by card; -1: every card
};

/// The same for a decoder's attention over the encoder: each output sequence attends to the input sequence of Batch::source_of, or,
/// where that is empty, to what the cache holds of it. Prefixes of site `cross` precede it. There are no positions: every token
/// attends to all of it. Threads: as ForwardPass.
class CUECARD_API CrossPass {
public:
  /// Create it after the decoder's ForwardPass, which adds the sequences to `args.cache_out`. `args` must outlive it, and its batch has an
  /// output side. Error if an output sequence has neither an input sequence nor a cached one.
  explicit CrossPass(const ForwardArgs& args);

  /// Whether the encoder must run. Otherwise the cache holds all that is attended to.
  bool encodes() const { return encodes_; }

  /// The layout when all tokens of the decoder are queries, and that of the last layer, where only the selected ones are.
  const AttentionLayout& layout() const { return layout_; }
  const AttentionLayout& last_layout() const { return last_layout_; }

  /// Sources for `attention` in layer `layer`. `project` computes keys and values [encoder tokens, G, D], and is called, once and in this
  /// thread, if the encoder runs; they are also stored in `args.cache_out`, if set; then it is called for every layer in ascending order.
  /// Prefixes are converted to the dtype of the keys.
  std::vector<KeyValues> sources(int64_t layer, const std::function<KeyValues()>& project) const;

private:
  const ForwardArgs& args_;
  bool encodes_;
  AttentionLayout layout_, last_layout_;
};

} // namespace cuecard
