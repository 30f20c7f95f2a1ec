/// A stack of `DecoderLayer`s as a backbone: the Llama family and its descendants.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/layers/decoder_layer.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace cuecard {

/// A backbone of that family. Tensors are named as in Llama's checkpoints: `model.layers.0.self_attn.q_proj.weight`. Shapes, dtypes,
/// devices and threads: as Backbone.
class CUECARD_API DecoderBackbone : public LoadedBackbone {
public:
  /// DataError for a weight that is missing or has another shape (Weights::get).
  DecoderBackbone(const BackboneArguments& arguments, DecoderFamily family);

  /// Embeddings as the first layer receives them, scaled if the family scales them; soft tokens are therefore not scaled again.
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override;
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& vectors) const override;
  /// DataError for a sequence that is too long for the model; Error for soft tokens without embeddings (ForwardPass, `embed_tokens`).
  at::Tensor forward(const ForwardArgs& args) const override;
  /// Error for the kind `pooled`, and for a kind that needs the head in a checkpoint without one (`project_untransformed`).
  at::Tensor project(const ProjectArgs& args) const override;

private:
  DecoderLayer take_layer(const Weights& source, const std::string& at);

  DecoderFamily family_;
  double embedding_scale_; ///< DecoderFamily::embedding_scale, rounded to the table's dtype
  at::Tensor norm_;        ///< [hidden]
  std::vector<DecoderLayer> layers_;
};

} // namespace cuecard
