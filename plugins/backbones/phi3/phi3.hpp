/// Phi-3 and Phi-4 mini (Abdin et al. 2024): Llama's decoder with fused linear layers, partial rotary positions, and longrope
/// scaling for long texts.
#pragma once

#include <cuecard/parts/layers/decoder_backbone.hpp>

namespace cuecard::phi3 {

class Phi3 final : public DecoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Phi3(const BackboneArguments& arguments);
};

} // namespace cuecard::phi3
