/// BART (Lewis et al. 2020): an encoder-decoder of post-norm layers with learned positions. `BartAttention` and
/// `BartFeedForward` are the figure's boxes, `BartStack` is one side.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/activation.hpp>
#include <cuecard/parts/forward_pass.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard::bart {

/// The sizes of the encoder or of the decoder.
struct BartSide {
  int64_t layers, heads, intermediate;
};

/// What config.json says, checked. Names as there.
struct BartConfiguration {
  BartSide encoder, decoder;
  int64_t hidden, vocabulary, max_positions, decoder_start;
  bool scale_embedding, tied;
  Activation activation;

  explicit BartConfiguration(const Configuration& configuration);
};

/// The projections of one attention, and the norm behind it.
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

/// What a decoder attends to.
struct Encoded {
  const CrossPass& pass;
  at::Tensor rows; ///< [encoder rows, hidden]; undefined where the past holds them
};

struct BartStack {
  int64_t heads = 0;
  Activation activation = Activation::gelu;
  at::Tensor positions; ///< [max positions + 2, hidden]: the first two rows are never used
  LayerNorm embedding_norm;
  std::vector<BartLayer> layers;

  /// `embedded` are word embeddings, scaled. `encoded` is null in an encoder. The last layer goes on with the
  /// rows that are read alone.
  at::Tensor forward(const at::Tensor& embedded, const ForwardPass& pass, const Encoded* encoded) const;
};

class Bart final : public Backbone {
public:
  explicit Bart(const BackboneArguments& arguments);

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return words_.device(); }
  at::Tensor token_rows(TokenTable table, const at::Tensor& ids) const override;
  at::Tensor token_products(TokenTable table, const at::Tensor& rows) const override;
  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor read(const ReadArgs& args) const override;
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }

private:
  BartStack take_stack(const Weights& source, const std::string& name, const BartSide& side, bool decoder);
  at::Tensor embed(const Side& side, const Conditioning& conditioning) const;

  BartConfiguration configuration_;
  BackboneShape shape_;
  at::Tensor words_, head_;      ///< [vocabulary, hidden] each; the same tensor where tied
  at::Tensor final_logits_bias_; ///< [vocabulary], or undefined
  BartStack encoder_, decoder_;
  std::map<std::string, at::Tensor> weights_;
};

} // namespace cuecard::bart
