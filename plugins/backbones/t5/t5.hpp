/// T5 (Raffel et al. 2020), mT5 (Xue et al. 2021) and umT5 (Chung et al. 2023): an encoder-decoder of pre-norm layers without
/// biases, whose only positional information is a relative position bias. `T5Attention` and `T5FeedForward` are the parts of a layer,
/// `T5Stack` is the encoder or the decoder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace cuecard::t5 {

/// The validated values of config.json, named as in the paper; T5 1.1 and LM-adapted models differ from the first T5
/// in the feed-forward, and have an untied output embedding without scaling. mT5 and umT5 have the feed-forward of T5 1.1.
struct T5Configuration {
  int64_t encoder_layers, decoder_layers, hidden, heads, head_dim, intermediate, vocabulary;
  int64_t buckets, max_distance;
  int64_t decoder_start;
  double norm_epsilon;
  bool gated;
  Activation activation;
  bool scales_before_scores; ///< scales hidden states by hidden^-0.5 before a tied head
  bool bias_in_every_layer;  ///< each layer has a table of biases (umT5); else all layers use the first one's

  explicit T5Configuration(const Configuration& configuration);
};

/// The projections of one attention; heads * head_dim need not be the hidden size.
struct T5Attention {
  at::Tensor norm;
  Linear query, key, value, output;
};

/// down(act(up(x))), or gated down(act(up(x)) * gate(x)) (Shazeer 2020).
struct T5FeedForward {
  at::Tensor norm;
  Linear up, gate, down;

  /// `selected`: x holds the selected tokens of the pass only.
  at::Tensor forward(const T5Configuration& configuration, const at::Tensor& x, const ForwardPass& pass,
                     bool selected) const;
};

/// One layer: x + self_attention(norm(x)), in a decoder + cross_attention(norm(x)), + feed_forward(norm(x)).
struct T5Layer {
  T5Attention self, cross; ///< `cross` is undefined in an encoder
  T5FeedForward feed_forward;
};

/// The encoder output that a decoder attends to.
struct Encoded {
  const CrossPass& pass;
  const ForwardPass* encoder;
  at::Tensor states; ///< [encoder tokens, hidden]; undefined if the cache holds their keys and values
};

struct T5Stack {
  std::vector<T5Layer> layers;
  std::vector<RelativeBias> biases; ///< one for each layer, or one for all
  at::Tensor final_norm;

  /// `encoded` is null in an encoder. The last layer computes the selected tokens only.
  at::Tensor forward(const T5Configuration& configuration, at::Tensor x, const ForwardPass& pass,
                     const Encoded* encoded) const;
};

class T5 final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit T5(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  T5Stack take_stack(const Weights& source, const std::string& name, int64_t layers, bool decoder);

  T5Configuration configuration_;
  at::Tensor
      decoder_table_; ///< [vocabulary, hidden] the decoder's word embeddings: `input_table_` if they are tied
  T5Stack encoder_, decoder_;
};

} // namespace cuecard::t5
