/// RoBERTa (Liu et al. 2019): BERT's encoder with positions that begin behind the padding token's, one segment,
/// and a masked-LM head of its own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/encoder_layer.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard::roberta {

class Roberta final : public Backbone {
public:
  explicit Roberta(const BackboneArguments& arguments);

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return words_.device(); }
  at::Tensor token_rows(TokenTable table, const at::Tensor& ids) const override;
  at::Tensor token_products(TokenTable table, const at::Tensor& rows) const override;
  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor read(const ReadArgs& args) const override;
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }

private:
  void take_heads(const Weights& source, const TakeTensor& take, const std::string& prefix);
  const at::Tensor& token_table(TokenTable table) const;

  EncoderConfiguration configuration_;
  int64_t first_position_; ///< row of the position table that a sequence's first row has
  BackboneShape shape_;
  at::Tensor words_, positions_, segments_; ///< [vocabulary | max positions | segments, hidden]
  LayerNorm embedding_norm_;
  std::vector<PostNormLayer> layers_;
  Linear pooler_;    ///< undefined weight where the checkpoint has none
  Linear transform_; ///< of the masked-LM head
  LayerNorm transform_norm_;
  at::Tensor decoder_, decoder_bias_; ///< [vocabulary, hidden], [vocabulary]
  std::map<std::string, at::Tensor> weights_;
};

} // namespace cuecard::roberta
