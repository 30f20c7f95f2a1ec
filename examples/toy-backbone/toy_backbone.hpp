/// The backbone `toy-backbone`: a decoder like PaLM's (Chowdhery et al. 2022, "PaLM: Scaling Language Modeling with Pathways",
/// section 2), small enough to read. Attention and feed-forward in parallel, one key and value head for all query heads
/// (multi-query attention), rotary positions, a gated feed-forward (SwiGLU), norms and linear layers without biases, word
/// embeddings as the head. Unlike in PaLM, every second layer may have a sliding window.
///
/// T tokens, H query heads, D head size.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/loaded_backbone.hpp>
#include <cuecard/parts/layers/rope.hpp>

namespace toy {

class ToyBackbone final : public cuecard::LoadedBackbone {
public:
  /// The shape from config.json, without weights. DataError that names the key of an invalid size.
  static cuecard::BackboneShape describe(const cuecard::Configuration& configuration);

  explicit ToyBackbone(const cuecard::BackboneArguments& arguments);

  at::Tensor forward(const cuecard::ForwardArgs& args) const override;
  at::Tensor project(const cuecard::ProjectArgs& args) const override;

private:
  struct Layer {
    cuecard::LayerNorm norm; ///< of attention and feed-forward both
    cuecard::Linear query, key, value, output, gate, up, down;
  };
  /// x + attention(norm(x)) + feed_forward(norm(x)); in the last layer for the selected tokens only.
  at::Tensor run(int64_t index, const at::Tensor& x, const cuecard::RotaryAngles& angles,
                 const cuecard::ForwardPass& pass) const;

  cuecard::Rope rope_;
  std::vector<Layer> layers_;
  cuecard::LayerNorm final_norm_;
};

} // namespace toy
