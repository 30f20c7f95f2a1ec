/// What every layer of one forward pass over a side needs: positions, attention layouts, keys and values of prefixes and caches,
/// and the updates that cards make to linear layers. A backbone creates one at the start of `forward` and passes it from layer to
/// layer; an encoder-decoder creates one for the encoder, one for the decoder, and a `CrossPass` between them.
///
/// T tokens of the side, A selected tokens, G key/value heads, D head size.
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

/// One pass over one side.
class CUECARD_API ForwardPass {
public:
  /// For self-attention over `side` of args.batch, with the prefixes of `site`. `args` must outlive it.
  ForwardPass(const ForwardArgs& args, const Side& side, const BackboneShape& shape, PrefixSite site);
  ~ForwardPass();
  ForwardPass(const ForwardPass&) = delete;
  ForwardPass& operator=(const ForwardPass&) = delete;

  /// [T] positions: the side's own, shifted by cached tokens and prefixes. Checked against the model's limit: a DataError states
  /// both numbers.
  const at::Tensor& positions() const { return positions_; }

  /// [S] the number of positions of the longest text that each sequence is part of: prefixes, cached tokens, parents and children
  /// included. Late soft tokens have none.
  const std::vector<int64_t>& lengths() const { return lengths_; }

  /// How many of `layers` layers to run: all, or ForwardArgs::layers. The final norm follows only if all are run.
  int64_t layers(int64_t layers) const;
  bool partial() const { return args_.layers >= 0; }

  /// The layout of layer `layer` when all tokens are queries, and of the last layer, where only the selected ones are. Layers with the
  /// same window (BackboneShape::windows) that see the same tokens share one.
  const AttentionLayout& layout(int64_t layer) const;
  const AttentionLayout& last_layout() const { return last_layout_; }

  /// Whether the last layer needs to compute only the selected tokens of this side, and their indices, [A].
  bool selects_tokens() const { return answers_ && !args_.all_tokens && !partial(); }
  const at::Tensor& selected_tokens() const { return args_.batch.answer_tokens; }

  /// The input `x` [T, hidden] of layer `layer`, with late soft tokens that enter there set to their embeddings. Call it at the
  /// start of every layer.
  at::Tensor enter(int64_t layer, const at::Tensor& x) const;

  /// `map(x)` with the updates that the batch's cards make to that layer (LowRankUpdate, Rescaling), each for its own tokens. x is
  /// [T, in], or [A, in] with `selected`. Every layer that a backbone declares in `linear_layers` must be computed with this
  /// function.
  at::Tensor linear(const Linear& map, const at::Tensor& x, bool selected = false) const;
  /// The same for rows x [n, in] that are not tokens of the batch, with the updates of card `card`.
  at::Tensor linear_of_card(const Linear& map, const at::Tensor& x, int64_t card) const;
  /// Whether any card of the batch updates a layer, and the card of a token of the side, -1 where none is named.
  bool has_updates() const { return !updates_.empty(); }
  int64_t card_of(int64_t token) const;

  /// Sources for `attention` in layer `layer`: own tokens first [T, G, D], then the cache's and the prefixes'. Also stores the own
  /// tokens' in `args.cache_out`, if set.
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
/// attends to all of it.
class CUECARD_API CrossPass {
public:
  /// Create it after the decoder's ForwardPass, which adds the sequences to `args.cache_out`. `args` must outlive it.
  explicit CrossPass(const ForwardArgs& args);

  /// Whether the encoder must run. Otherwise the cache holds all that is attended to.
  bool encodes() const { return encodes_; }

  /// The layout when all tokens of the decoder are queries, and that of the last layer, where only the selected ones are.
  const AttentionLayout& layout() const { return layout_; }
  const AttentionLayout& last_layout() const { return last_layout_; }

  /// Sources for `attention` in layer `layer`. `project` computes keys and values of all encoder tokens, and is called when the
  /// encoder runs; they are also stored in `args.cache_out`, if set.
  std::vector<KeyValues> sources(int64_t layer, const std::function<KeyValues()>& project) const;

private:
  const ForwardArgs& args_;
  bool encodes_;
  AttentionLayout layout_, last_layout_;
};

} // namespace cuecard
