/// ModernBERT (Warner et al. 2024): an encoder of pre-norm layers without
/// biases, with rotary positions, a gated feed-forward, and attention that is
/// local in most layers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>
#include <cuecard/parts/layers/rope.hpp>

namespace cuecard::modernbert {

/// The validated values of config.json.
struct ModernBertConfiguration {
  int64_t layers, hidden, heads, head_dim, intermediate, vocabulary, max_positions;
  double norm_epsilon;
  Activation activation, head_activation;
  /// Which layers have biases; in published files only the decoder of the
  /// masked-LM head.
  bool norm_bias, attention_bias, feed_forward_bias, head_bias, decoder_bias;
  bool tied;
  std::vector<bool> local; ///< [layers] which attend to `window / 2` tokens on either side; others to all
  int64_t window;
  Rope global_rope, local_rope; ///< of the layers with full attention, and of local ones

  explicit ModernBertConfiguration(const Configuration& configuration);
};

/// y = x + attention(norm(x)), then y + down(act(up(norm(y))) * gate(norm(y))).
struct ModernBertLayer {
  LayerNorm attention_norm; ///< undefined in the first layer, which follows the
                            ///< embeddings' norm
  Linear qkv, output;       ///< queries, keys and values one after the other
  LayerNorm feed_forward_norm;
  Linear up_gate, down; ///< up and gate one after the other
};

class ModernBert final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit ModernBert(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  /// NAME.weight, and NAME.bias where norms have one.
  LayerNorm take_norm(const Weights& source, const std::string& name);
  /// x [T, hidden] -> [T, hidden], or the selected tokens [A, hidden] of the
  /// last layer.
  at::Tensor run_layer(int64_t index, const at::Tensor& x, const RotaryAngles& angles,
                       const ForwardPass& pass) const;

  ModernBertConfiguration configuration_;
  LayerNorm embedding_norm_, final_norm_;
  std::vector<ModernBertLayer> layers_;
  Linear transform_; ///< of the masked-LM head
  LayerNorm transform_norm_;
  at::Tensor decoder_bias_; ///< [vocabulary], or undefined
};

} // namespace cuecard::modernbert
