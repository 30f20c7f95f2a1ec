/// The Llama family: a decoder of pre-norm layers with rotary positions, grouped keys and values, and gated
/// feed-forward (Touvron et al. 2023). Mistral and Qwen differ in details such as biases, norms and windows.
#pragma once

#include <cuecard/parts/layers/decoder_backbone.hpp>

namespace cuecard::llama {

class Llama final : public DecoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Llama(const BackboneArguments& arguments);
};

} // namespace cuecard::llama
