/// The encoder of BERT and its descendants (Devlin et al. 2019) as a backbone: embeddings and their norm, a stack of `PostNormLayer`,
/// and the heads that a checkpoint has. `EncoderFamily` describes how a family differs from BERT.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/layers/encoder_layer.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace cuecard {

/// A family's tensor names. In all of them the embeddings are `embeddings.word_embeddings`,
/// `.position_embeddings`, `.token_type_embeddings` and `.LayerNorm`, and `embeddings_project` follows where
/// they are of another width than the hidden states. Norms have `weight` and `bias`, or `gamma` and `beta` as
/// TensorFlow's checkpoints had.
struct EncoderNames {
  /// Prefix of all names except the masked-LM head's, in checkpoints that have more than the encoder: "bert.".
  std::string prefix;
  PostNormNames layer;
  std::string pooler; ///< "": the family has none
  /// The masked-LM head: a linear map, an activation, a norm, and the decoder, whose weight is the word embeddings
  /// where the checkpoint ties them (LoadedBackbone::take_tied). The decoder adds DECODER.bias, which is tied to
  /// `decoder_bias` where that is another.
  std::string transform, transform_norm, decoder, decoder_bias;
};

/// What distinguishes a family from BERT.
struct CUECARD_API EncoderFamily {
  std::string name;  ///< BackboneShape::family
  std::string title; ///< its usual spelling, for messages
  EncoderNames names;
  EncoderConfiguration configuration;
  Activation head_activation; ///< of the masked-LM head
  /// Row of the position table for a sequence's first token; less than `max_positions`.
  int64_t first_position = 0;
  /// A token that takes no position, as RoBERTa's padding: it has the row before `first_position`, and later tokens count as if it
  /// weren't there. Sequences with soft tokens count every token, as transformers does where it is given embeddings. -1: none.
  int64_t uncounted_token = -1;
  bool reads_segments = true; ///< false: all tokens are of the first segment, whatever a template says

  /// The shape of such a model, without weights.
  BackboneShape shape() const;
};

/// A backbone of that family.
class CUECARD_API EncoderBackbone : public LoadedBackbone {
public:
  EncoderBackbone(const BackboneArguments& arguments, EncoderFamily family);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  void take_encoder(const Weights& source);
  void take_head(const Weights& source);
  /// [T] rows of the position table.
  at::Tensor position_rows(const Side& side, const BatchConditioning& conditioning,
                           const at::Tensor& positions) const;
  /// [T, hidden], the input of the first layer.
  at::Tensor embed(const Side& side, const BatchConditioning& conditioning, const at::Tensor& positions) const;

  EncoderFamily family_;
  at::Tensor positions_, segments_; ///< [max positions | segments, embedding width]
  LayerNorm embedding_norm_;
  Linear projection_; ///< undefined weight if embeddings are as wide as hidden states
  std::vector<PostNormLayer> layers_;
  Linear pooler_;    ///< undefined weight if the checkpoint has none
  Linear transform_; ///< of the masked-LM head
  LayerNorm transform_norm_;
  at::Tensor decoder_bias_; ///< [vocabulary]
};

} // namespace cuecard
