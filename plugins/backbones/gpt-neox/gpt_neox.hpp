/// GPT-NeoX (Black et al. 2022): a decoder whose attention and feed-forward read the same hidden states and are added together, with
/// rotary positions in part of each head. `GptNeoxLayer` is one layer, `GptNeox` the stack.
#pragma once

#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>
#include <cuecard/parts/layers/rope.hpp>

namespace cuecard::gpt_neox {

/// The validated values of config.json.
struct GptNeoxConfiguration {
  int64_t layers, hidden, heads, intermediate, vocabulary;
  double norm_epsilon;
  Activation activation;
  bool tied;
  bool parallel;       ///< use_parallel_residual; else the feed-forward follows attention
  bool attention_bias; ///< of the linear layers around attention
  Rope rope;
  int64_t max_positions;

  explicit GptNeoxConfiguration(const Configuration& configuration);
};

/// One layer: x + attention(norm(x)) + feed_forward(norm'(x)).
struct GptNeoxLayer {
  LayerNorm attention_norm, feed_forward_norm;
  Linear
      query_key_value; ///< [heads * 3 * head size, hidden]: queries, keys and values of the first head, then of the next
  Linear output, up, down;

  at::Tensor forward(const GptNeoxConfiguration& configuration, int64_t index, const at::Tensor& x,
                     const RotaryAngles& angles, const ForwardPass& pass) const;
};

class GptNeox final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit GptNeox(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  GptNeoxConfiguration configuration_;
  std::vector<GptNeoxLayer> layers_;
  LayerNorm norm_;
};

} // namespace cuecard::gpt_neox
