/// What every layer of one forward pass over a side needs: positions, who sees whom, and the keys and values
/// that stand in front. A backbone makes one at the start of `forward` and hands it from layer to layer.
#pragma once

#include <cstdint>
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

  const ForwardArgs& args_;
  PrefixSite site_;
  bool reads_;
  bool has_past_ = false;
  std::vector<Past::Rows> kept_; ///< where in args.keep the own rows go
  at::Tensor positions_;
  AttentionLayout layout_, last_layout_;
};

} // namespace cuecard
