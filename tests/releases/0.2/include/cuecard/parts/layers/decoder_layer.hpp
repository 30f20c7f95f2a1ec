/// The decoder layer of Llama and its descendants (Touvron et al. 2023): y = x + attention(norm(x)), then y + feed_forward(norm(y)),
/// with RMS norms, rotary positions, grouped keys and values, and a gated feed-forward. `DecoderFamily` describes how a family differs.
///
/// T tokens, A selected tokens. Threads: const functions may run concurrently, `DecoderLayer::forward` with different passes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/rope.hpp>

namespace cuecard {

/// Values for keys that config.json lacks: Llama's by default.
struct DecoderDefaults {
  /// num_hidden_layers, hidden_size, num_attention_heads, intermediate_size, vocab_size.
  int64_t layers = 32, hidden = 4096, heads = 32, intermediate = 11008, vocabulary = 32000;
  int64_t kv_heads = 0; ///< 0: as many as heads
  int64_t head_dim = 0; ///< 0: the hidden size / heads
  double norm_epsilon = 1e-6;
  bool tied = false;
  std::string activation = "silu", activation_key = "hidden_act";
};

/// The validated values of config.json for such a decoder, under the same names. A DataError names the file and the key.
struct CUECARD_API DecoderConfiguration {
  /// num_hidden_layers, hidden_size, num_attention_heads, num_key_value_heads, head_dim, intermediate_size, vocab_size.
  int64_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary;
  int64_t max_positions; ///< max_position_embeddings; 0: not given
  double norm_epsilon;
  bool tied;
  Activation activation;

  explicit DecoderConfiguration(const Configuration& configuration, const DecoderDefaults& defaults = {});
};

/// Names of a layer's norms over hidden states, before and after each part; "" where there is none.
struct DecoderNorms {
  /// As a checkpoint names them after the layer's number.
  std::string before_attention = "input_layernorm", after_attention = {},
              before_feed_forward = "post_attention_layernorm", after_feed_forward = {};
};

/// What distinguishes a family, or a member of it, from Llama.
struct CUECARD_API DecoderFamily {
  /// RMS norms of queries and keys before they are rotated.
  enum class HeadNorms { none, each_head, all_heads };

  std::string name; ///< BackboneShape::family
  DecoderConfiguration configuration;
  /// One, or two: for layers with full attention, and for those with a window.
  std::vector<Rope> ropes;
  std::vector<int64_t> windows = {}; ///< BackboneShape::windows
  DecoderNorms norms = {};
  HeadNorms head_norms = HeadNorms::none;
  bool input_bias = false, output_bias = false; ///< of attention: on queries, keys and values; on the output
  bool feed_forward_bias = false;
  bool fused = false;                    ///< qkv_proj and gate_up_proj in place of three and two linear layers
  bool norms_plus_one = false;           ///< norms multiply by 1 + weight (`rms_norm_plus_one`)
  double scores_scale;                   ///< of attention: 1 / sqrt(head_dim) unless a family changes it
  double scores_cap = 0, logits_cap = 0; ///< AttentionOptions::cap; of the final logits; 0: none
  double embedding_scale = 1;            ///< of the token embeddings, rounded to the weights' dtype

  /// Llama itself, under the name `family`.
  DecoderFamily(std::string family, const DecoderConfiguration& of, const Rope& rope);

  /// The shape of such a model, without weights.
  BackboneShape shape() const;
  /// The family's RMS norm of x [..., n] with weight [n], in the dtype of x; x itself if `weight` is undefined.
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  /// Index of layer `layer`'s entry of `ropes`.
  std::size_t rope_of(int64_t layer) const;
};

/// The weights of one layer and its forward pass.
struct CUECARD_API DecoderLayer {
  /// [hidden], or undefined where the family has none.
  at::Tensor before_attention, after_attention, before_feed_forward, after_feed_forward;
  at::Tensor query_norm, key_norm; ///< [head_dim] or [heads * head_dim], or undefined
  Linear query, key, value, output;
  Linear gate, up, down;
  Linear qkv, gate_up; ///< instead of the above, where they are fused

  /// x [T, hidden] -> [T, hidden], as layer `index` (from 0), in the weights' dtype and on their device. `angles` are those of all T
  /// tokens. The last layer returns only the selected tokens [A, hidden], if `pass` selects tokens. Differentiable in x, the conditioning,
  /// and weights that require gradients. Errors: those of ForwardPass and `attention`.
  at::Tensor forward(const DecoderFamily& family, int64_t index, const at::Tensor& x,
                     const RotaryAngles& angles, const ForwardPass& pass) const;

private:
  at::Tensor attend(const DecoderFamily& family, int64_t index, const at::Tensor& x, const RotaryAngles& angles,
                    const ForwardPass& pass, bool last) const;
  at::Tensor feed_forward(const DecoderFamily& family, const at::Tensor& x, const ForwardPass& pass,
                          bool last) const;
};

} // namespace cuecard
