/// The Llama family: a decoder of pre-norm layers with rotary positions, grouped keys and values, and gated
/// feed-forward (Touvron et al. 2023). Mistral and Qwen differ in details such as biases and norms.
/// `LlamaLayer` is one layer, `Llama` the stack.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

#include "rope.hpp"

namespace cuecard::llama {

/// What config.json says, checked. Names as there.
struct LlamaConfiguration {
  std::string type; ///< llama | mistral | qwen2 | qwen3
  int64_t layers, hidden, heads, kv_heads, head_dim, intermediate, vocabulary;
  /// The longest sequence: with a sliding window at most its size, within which it hides no token.
  int64_t max_positions;
  double norm_epsilon;
  Rope rope;
  bool tied;
  bool input_bias, output_bias; ///< of attention: on queries, keys and values; on the output
  bool feed_forward_bias;
  bool head_norms; ///< Qwen3's: of each head's queries and keys, before the rotation

  explicit LlamaConfiguration(const Configuration& configuration);
};

/// One layer: x + attention(norm(x)), then x + feed_forward(norm(x)).
struct LlamaLayer {
  at::Tensor input_norm, attention_norm; ///< [hidden]
  at::Tensor query_norm, key_norm;       ///< [head_dim], or undefined
  Linear query, key, value, output;
  Linear gate, up, down;

  at::Tensor forward(const LlamaConfiguration& configuration, int64_t index, const at::Tensor& x,
                     const RotaryAngles& angles, const ForwardPass& pass) const;
};

class Llama final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Llama(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  LlamaConfiguration configuration_;
  at::Tensor norm_; ///< [hidden]
  at::Tensor inverse_frequencies_;
  std::vector<LlamaLayer> layers_;
};

} // namespace cuecard::llama
