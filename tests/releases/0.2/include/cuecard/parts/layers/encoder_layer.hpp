/// The post-norm Transformer layer of BERT and its descendants (Devlin et al. 2019; Vaswani et al. 2017, section 3.1):
/// y = norm(x + attention(x)), then norm(y + feed_forward(y)).
///
/// T tokens, A selected tokens. Threads: functions of this file may be called from several threads at once, `PostNormLayer::forward` with
/// different passes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>

namespace cuecard {

/// The keys of config.json that differ between families; BERT's by default.
struct EncoderKeys {
  /// Each holds the key of the value of this name in EncoderConfiguration.
  std::string layers = "num_hidden_layers", hidden = "hidden_size", heads = "num_attention_heads",
              intermediate = "intermediate_size", activation = "hidden_act";
};

/// Values for keys that config.json lacks: BERT's by default.
struct EncoderDefaults {
  /// Each for the value of this name in EncoderConfiguration.
  int64_t layers = 12, hidden = 768, heads = 12, intermediate = 3072, vocabulary = 30522, segments = 2;
  double norm_epsilon = 1e-12;
  std::string activation = "gelu";
};

/// The validated values of config.json for such an encoder. A DataError names the file and the key.
struct CUECARD_API EncoderConfiguration {
  /// `intermediate`: the width inside the feed-forward; `max_positions`: max_position_embeddings.
  int64_t layers, hidden, heads, intermediate, vocabulary, max_positions;
  int64_t segments;        ///< token types: type_vocab_size; 0: none
  int64_t embedding_width; ///< the hidden size by default
  double norm_epsilon;
  Activation activation;
  bool tied; ///< the masked-LM head's decoder is the word embeddings, and its two biases are the same tensor

  explicit EncoderConfiguration(const Configuration& configuration, const EncoderKeys& keys = {},
                                const EncoderDefaults& defaults = {});
};

/// Returns the tensor `name` (in the family's spelling) of a checkpoint, checked against `shape`; a matrix may be a stored one. DataError
/// if it is missing or has another shape; the functions below let it pass.
using TakeTensor = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;

/// NAME.weight [out, in] and NAME.bias [out], as a layer that is named NAME.weight.
CUECARD_API Linear take_linear(const TakeTensor& take, const std::string& name, int64_t out, int64_t in);
/// NAME.weight and NAME.bias, [size].
CUECARD_API LayerNorm take_layer_norm(const TakeTensor& take, const std::string& name, int64_t size,
                                      double epsilon);

/// The names of a layer's tensors, STACK.INDEX.NAME.weight and STACK.INDEX.NAME.bias; BERT's by default.
struct PostNormNames {
  /// STACK, and each NAME: `up` and `down` are the feed-forward, a norm follows what it is named after.
  std::string stack = "encoder.layer";
  std::string query = "attention.self.query", key = "attention.self.key", value = "attention.self.value",
              output = "attention.output.dense", attention_norm = "attention.output.LayerNorm";
  std::string up = "intermediate.dense", down = "output.dense", output_norm = "output.LayerNorm";
};

/// Attention of queries [Q, H, D] over `sources` (ForwardPass::sources) by `layout`: [Q, H, D] in the same dtype, on the same device.
using Attend = std::function<at::Tensor(const at::Tensor& query, const std::vector<KeyValues>& sources,
                                        const AttentionLayout& layout)>;

/// The weights of one layer and its forward pass.
struct CUECARD_API PostNormLayer {
  /// As in PostNormNames.
  Linear query, key, value, output;
  LayerNorm attention_norm;
  Linear up, down; ///< as in PostNormNames
  LayerNorm output_norm;

  /// `at` precedes the names of the layer's tensors: "encoder.layer.3.".
  PostNormLayer(const TakeTensor& take, const std::string& at, const PostNormNames& names,
                const EncoderConfiguration& configuration);

  /// x [T, hidden] -> [T, hidden], as layer `index` (from 0), in the weights' dtype and on their device. The last layer returns only the
  /// selected tokens [A, hidden], if `pass` selects tokens. Differentiable in x, the conditioning, and weights that require gradients.
  /// Errors: those of ForwardPass and `attend`.
  at::Tensor forward(const EncoderConfiguration& configuration, int64_t index, const at::Tensor& x,
                     const ForwardPass& pass, const Attend& attend) const;
};

} // namespace cuecard
