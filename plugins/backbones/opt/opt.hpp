/// OPT (Zhang et al. 2022): a decoder with learned positions, norms before or after each part, and embeddings whose width may
/// differ from the hidden size. `OptLayer` is one layer, `Opt` the stack.
#pragma once

#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>

namespace cuecard::opt {

/// The validated values of config.json.
struct OptConfiguration {
  int64_t layers, hidden, heads, intermediate, vocabulary, max_positions;
  int64_t embedding_width; ///< word_embed_proj_dim: the hidden size by default
  Activation activation;
  bool tied;
  bool norms_before; ///< do_layer_norm_before: before each part and at the end; else after each part
  bool final_norm;
  bool bias;          ///< of linear layers
  bool norms_learned; ///< layer_norm_elementwise_affine

  explicit OptConfiguration(const Configuration& configuration);
};

/// One layer: x + attention(norm(x)), then x + feed_forward(norm(x)); or norm(x + ...) twice.
struct OptLayer {
  LayerNorm attention_norm, feed_forward_norm;
  Linear query, key, value, output;
  Linear up, down;

  at::Tensor forward(const OptConfiguration& configuration, int64_t index, const at::Tensor& x,
                     const ForwardPass& pass) const;
};

class Opt final : public LoadedBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Opt(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor project(const ProjectArgs& args) const override;

private:
  LayerNorm take_norm(const Weights& source, const std::string& name);

  OptConfiguration configuration_;
  at::Tensor positions_;                ///< [max positions + 2, hidden]
  at::Tensor project_in_, project_out_; ///< [hidden, embedding width] and transposed, or undefined
  std::vector<OptLayer> layers_;
  LayerNorm norm_; ///< undefined weight if there is none
};

} // namespace cuecard::opt
