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

/// A family's tensor names. In all of them the embeddings are `embeddings.word_embeddings`, `.position_embeddings`,
/// `.token_type_embeddings` and `.LayerNorm`. Norms have `weight` and `bias`, or `gamma` and `beta` as in checkpoints converted
/// from TensorFlow.
struct EncoderNames {
  /// Prefix of all names except the masked-LM head's, in checkpoints that have more than the encoder: "bert.".
  std::string prefix;
  PostNormNames layer;
  /// Precedes the names of each layer's tensors where that is not STACK.INDEX. ("encoder.layer.3."): layers with the same one share
  /// their weights.
  std::vector<std::string> layers = {};
  std::string pooler; ///< "": the family has none
  /// The masked-LM head: a linear map, an activation, a norm, and the decoder, whose weight is the word embeddings
  /// where the checkpoint ties them (LoadedBackbone::take_tied). The decoder adds DECODER.bias, which is tied to
  /// `decoder_bias` where that is another. "": the family has no decoder of its own, only `decoder_bias`.
  std::string transform, transform_norm, decoder, decoder_bias;
};

/// The linear map from embeddings to hidden states, where their widths differ.
struct EncoderProjection {
  std::string name = "embeddings_project"; ///< of its tensors in a checkpoint, without .weight and .bias
  bool bias = true;                        ///< whether it has one
  bool always = false;                     ///< it exists for equal widths, too
  bool before_norm = false;                ///< the embeddings' norm follows it, instead of preceding it
};

/// What distinguishes a family from BERT.
struct CUECARD_API EncoderFamily {
  std::string name;  ///< BackboneShape::family
  std::string title; ///< its usual spelling, for messages
  EncoderNames names;
  EncoderConfiguration configuration;
  Activation head_activation; ///< of the masked-LM head
  EncoderProjection projection = {};
  bool has_positions = true; ///< false: no position embeddings, and so no limit on positions
  /// Row of the position table for a sequence's first token; less than `max_positions`.
  int64_t first_position = 0;
  /// A token that takes up no position, such as RoBERTa's padding: it uses the row before `first_position`, and later tokens are
  /// counted as if it were absent. Sequences with soft tokens count every token, as transformers does when given embeddings. -1:
  /// none.
  int64_t uncounted_token = -1;
  bool reads_segments = true; ///< false: all tokens are of the first segment, whatever a template says

  /// What precedes the names of layer `index`'s tensors.
  std::string layer_at(int64_t index) const;

  /// The shape of such a model, without weights.
  BackboneShape shape() const;
};

/// A backbone of that family. Shapes, dtypes, devices and threads: as Backbone. T tokens.
class CUECARD_API EncoderBackbone : public LoadedBackbone {
public:
  /// DataError for a weight that is missing or has another shape (Weights::get). A checkpoint may lack the pooler and the head.
  EncoderBackbone(const BackboneArguments& arguments, EncoderFamily family);

  /// DataError for a sequence that is too long for the model; Error for soft tokens without embeddings (ForwardPass, `embed_tokens`).
  at::Tensor forward(const ForwardArgs& args) const override;
  /// Error for a kind that needs the pooler or the masked-LM head in a checkpoint without it.
  at::Tensor project(const ProjectArgs& args) const override;

protected:
  /// Layer `index`, from 0.
  const PostNormLayer& layer(int64_t index) const {
    return layers_[layer_of_[static_cast<std::size_t>(index)]];
  }
  /// `EncoderNames::prefix`, or "" in a checkpoint without it.
  const std::string& prefix() const { return prefix_; }

  /// [T, hidden] in the weights' dtype, the input of the first layer. `positions` [T] int64: ForwardPass::positions. Error for soft tokens
  /// without embeddings.
  at::Tensor embed(const Side& side, const BatchConditioning& conditioning, const at::Tensor& positions) const;
  /// Layer `index` on its input x [T, hidden], which `ForwardPass::enter` returned: PostNormLayer::forward.
  at::Tensor run_layer(int64_t index, const at::Tensor& x, const ForwardPass& pass) const;
  /// Attention of queries [Q, heads, head size] in layer `index`, as `Attend`: scaled dot-product attention, unless a family overrides it.
  virtual at::Tensor attend(int64_t index, const ForwardPass& pass, const at::Tensor& query,
                            const std::vector<KeyValues>& sources, const AttentionLayout& layout) const;

private:
  void take_encoder(const Weights& source);
  void take_head(const Weights& source);
  /// [T] rows of the position table.
  at::Tensor position_rows(const Side& side, const BatchConditioning& conditioning,
                           const at::Tensor& positions) const;

  EncoderFamily family_;
  std::string prefix_;
  at::Tensor positions_,
      segments_; ///< [max positions | segments, embedding width]; undefined if there are none
  LayerNorm embedding_norm_;
  Linear projection_; ///< undefined weight if there is none
  std::vector<PostNormLayer> layers_;
  std::vector<std::size_t> layer_of_; ///< index into `layers_`, which holds shared ones once
  Linear pooler_;                     ///< undefined weight if the checkpoint has none
  Linear transform_;                  ///< of the masked-LM head
  LayerNorm transform_norm_;
  at::Tensor decoder_bias_; ///< [vocabulary]
};

} // namespace cuecard
