/// GPT-2 (Radford et al. 2019): a decoder of pre-norm layers with learned positions. `Gpt2Layer` is one layer,
/// `Gpt2` the stack.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace cuecard::gpt2 {

/// The validated values of config.json.
struct Gpt2Configuration {
  int64_t layers, hidden, heads, intermediate, vocabulary, max_positions;
  double norm_epsilon;
  Activation activation;
  bool tied;
  bool scaled;          ///< attention scores by 1 / sqrt(head size) (`scale_attn_weights`)
  bool scaled_by_layer; ///< and by 1 / (layer + 1) (`scale_attn_by_inverse_layer_idx`)

  explicit Gpt2Configuration(const Configuration& configuration);
};

/// One layer: x + attention(norm(x)), then x + feed_forward(norm(x)).
struct Gpt2Layer {
  LayerNorm attention_norm;
  Linear query_key_value, output; ///< the first [3 hidden, hidden]: queries, keys, values
  LayerNorm feed_forward_norm;
  Linear up, down;

  at::Tensor forward(const Gpt2Configuration& configuration, int64_t index, const at::Tensor& x,
                     const ForwardPass& pass) const;
};

class Gpt2 final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Gpt2(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  Gpt2Configuration configuration_;
  at::Tensor positions_; ///< [max positions, hidden]
  std::vector<Gpt2Layer> layers_;
  LayerNorm norm_;
};

} // namespace cuecard::gpt2
