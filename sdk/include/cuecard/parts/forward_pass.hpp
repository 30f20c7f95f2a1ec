/// What every layer of one forward pass over a side needs: positions, who sees whom, and the keys and values
/// that stand in front. A backbone makes one at the start of `forward` and hands it from layer to layer; an
/// encoder-decoder makes one for the encoder, one for the decoder, and a `CrossPass` between them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/attention.hpp>

namespace cuecard {

class CUECARD_API ForwardPass {
public:
  /// For self-attention over `side` of args.batch, with the prefixes of `site`. `args` must outlive it.
  ForwardPass(const ForwardArgs& args, const Side& side, const BackboneShape& shape, PrefixSite site);

  /// [R] positions: the side's own, behind what the past and the prefixes hold. Checked against the longest
  /// that the model has: a DataError names both.
  const at::Tensor& positions() const { return positions_; }

  /// The layout in which all rows ask, and the one for the last layer, in which only the rows that are read do.
  const AttentionLayout& layout() const { return layout_; }
  const AttentionLayout& last_layout() const { return last_layout_; }

  /// Whether only some rows of this side are read, and which, [A].
  bool reads_some() const { return reads_ && !args_.read_all_rows; }
  const at::Tensor& read_rows() const { return args_.batch.answer_rows; }

  /// Sources for `attention` in layer `layer`: own rows first [R, G, D], then the past's and the prefixes'.
  /// Puts the own ones into `args.keep` when that was asked for.
  std::vector<KeyValues> sources(int64_t layer, const at::Tensor& key, const at::Tensor& value) const;

private:
  void keep_rows(const Side& side, const std::vector<int64_t>& shift);
  void keep_sources(const std::vector<int64_t>& kept_as) const;

  const ForwardArgs& args_;
  PrefixSite site_;
  bool reads_;
  bool has_past_ = false;
  std::vector<Past::Rows> kept_; ///< where in args.keep the own rows go
  at::Tensor positions_;
  AttentionLayout layout_, last_layout_;
};

/// The same for a decoder's attention over the encoder: what each output sequence attends to is the input
/// sequence of Batch::source_of, or, where that is empty, what the past holds of it (Past::source_of). Prefixes
/// of site `cross` stand in front. There are no positions: every row sees all of it.
class CUECARD_API CrossPass {
public:
  /// Made behind the decoder's ForwardPass, which adds the sequences to `args.keep`. `args` must outlive it.
  explicit CrossPass(const ForwardArgs& args);

  /// Whether the encoder must run. Where not, the past holds all that is attended to.
  bool encodes() const { return encodes_; }

  const AttentionLayout& layout() const { return layout_; }
  const AttentionLayout& last_layout() const { return last_layout_; }

  /// Sources for `attention` in layer `layer`. `project` gives keys and values of all encoder rows, and is
  /// called when the encoder runs; they go into `args.keep` when that was asked for.
  std::vector<KeyValues> sources(int64_t layer, const std::function<KeyValues()>& project) const;

private:
  const ForwardArgs& args_;
  bool encodes_;
  AttentionLayout layout_, last_layout_;
};

} // namespace cuecard
