/// The encoder of BERT and its descendants (Devlin et al. 2019) as a backbone: embeddings and their norm, a
/// stack of `PostNormLayer`, and the heads that a checkpoint has. What is a family's own stands in an
/// `EncoderFamily`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/encoder_layer.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard {

/// How a family spells its tensors. In all of them the embeddings are `embeddings.word_embeddings`,
/// `.position_embeddings`, `.token_type_embeddings` and `.LayerNorm`, and `embeddings_project` follows where
/// they are of another width than the hidden states. Norms have `weight` and `bias`, or `gamma` and `beta` as
/// TensorFlow's checkpoints had.
struct EncoderNames {
  /// In front of all but the masked-LM head in checkpoints that have more than the encoder: "bert.".
  std::string prefix;
  PostNormNames layer;
  std::string pooler; ///< "": the family has none
  /// The masked-LM head: a linear map, an activation, a norm, and the decoder, whose weight is the word
  /// embeddings where the checkpoint has no other. Its bias may also be found as DECODER.bias.
  std::string transform, transform_norm, decoder, decoder_bias;
};

struct EncoderFamily {
  std::string name;  ///< BackboneShape::family
  std::string title; ///< the same as people write it
  EncoderNames names;
  EncoderConfiguration configuration;
  Activation head_activation; ///< of the masked-LM head
  /// Row of the position table that a sequence's first row has; less than `max_positions`.
  int64_t first_position = 0;
  bool reads_segments = true; ///< false: all rows are of the first segment, whatever a template says
};

class CUECARD_API EncoderBackbone : public Backbone {
public:
  EncoderBackbone(const BackboneArguments& arguments, EncoderFamily family);

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return words_.device(); }
  at::Tensor token_rows(TokenTable table, const at::Tensor& ids) const override;
  at::Tensor token_products(TokenTable table, const at::Tensor& rows) const override;
  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor read(const ReadArgs& args) const override;
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }

private:
  void take_encoder(const Weights& source);
  void take_head(const Weights& source);
  const at::Tensor& token_table(TokenTable table) const;
  /// [R, hidden], what the first layer receives.
  at::Tensor embed(const Side& side, const Conditioning& conditioning, const at::Tensor& positions) const;

  EncoderFamily family_;
  BackboneShape shape_;
  at::Tensor words_, positions_, segments_; ///< [vocabulary | max positions | segments, embedding width]
  LayerNorm embedding_norm_;
  Linear projection_; ///< undefined weight where embeddings are as wide as hidden states
  std::vector<PostNormLayer> layers_;
  Linear pooler_;    ///< undefined weight where the checkpoint has none
  Linear transform_; ///< of the masked-LM head
  LayerNorm transform_norm_;
  at::Tensor decoder_, decoder_bias_; ///< [vocabulary, embedding width], [vocabulary]
  std::map<std::string, at::Tensor> weights_;
};

} // namespace cuecard
