/// MPNet (Song et al. 2020): BERT's encoder with RoBERTa's positions and head, one segment, and T5's relative position bias in
/// both directions, one table for all layers.
#pragma once

#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::mpnet {

class MpNet final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit MpNet(const BackboneArguments& arguments);

private:
  at::Tensor attend(int64_t index, const ForwardPass& pass, const at::Tensor& query,
                    const std::vector<KeyValues>& sources, const AttentionLayout& layout) const override;

  RelativeBias bias_;
};

} // namespace cuecard::mpnet
