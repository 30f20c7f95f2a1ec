/// BART (Lewis et al. 2020): an encoder-decoder of post-norm layers with learned positions. `BartAttention` and
/// `BartFeedForward` are the parts of a layer, `BartStack` is the encoder or the decoder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace cuecard::bart {

/// The sizes of the encoder or of the decoder.
struct BartSide {
  int64_t layers, heads, intermediate;
};

/// The validated values of config.json, under the same names.
struct BartConfiguration {
  BartSide encoder, decoder;
  int64_t hidden, vocabulary, max_positions, decoder_start;
  bool scale_embedding, tied;
  Activation activation;

  explicit BartConfiguration(const Configuration& configuration);
};

/// The projections of one attention layer, and the norm after it.
struct BartAttention {
  Linear query, key, value, output;
  LayerNorm norm;
};

struct BartFeedForward {
  Linear up, down;
  LayerNorm norm;
};

/// One layer: norm(x + self_attention(x)), in a decoder norm(x + cross_attention(x)), norm(x +
/// feed_forward(x)).
struct BartLayer {
  BartAttention self, cross; ///< `cross` is undefined in an encoder
  BartFeedForward feed_forward;
};

/// The encoder output that a decoder attends to.
struct Encoded {
  const CrossPass& pass;
  const ForwardPass* encoder;
  at::Tensor states; ///< [encoder tokens, hidden]; undefined if the cache holds their keys and values
};

struct BartStack {
  int64_t heads = 0;
  Activation activation = Activation::gelu;
  at::Tensor positions; ///< [max positions + 2, hidden]: the first two rows are never used
  LayerNorm embedding_norm;
  std::vector<BartLayer> layers;

  /// `embedded` are word embeddings, scaled. `encoded` is null in an encoder. The last layer computes the
  /// selected tokens only.
  at::Tensor forward(const at::Tensor& embedded, const ForwardPass& pass, const Encoded* encoded) const;
};

class Bart final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Bart(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  BartStack take_stack(const Weights& source, const std::string& name, const BartSide& side, bool decoder);
  at::Tensor embed(const at::Tensor& table, const Side& side, const BatchConditioning& conditioning) const;

  BartConfiguration configuration_;
  at::Tensor
      decoder_table_; ///< [vocabulary, hidden] the decoder's word embeddings: `input_table_` if they are tied
  at::Tensor final_logits_bias_; ///< [vocabulary], or undefined
  BartStack encoder_, decoder_;
};

} // namespace cuecard::bart
