/// The Gemma family (Gemma Team 2024, 2024, 2025): Llama's decoder with norms that multiply by 1 + weight, scaled embeddings and a
/// GELU gate; Gemma 2 and 3 have four norms a layer and windows in some layers.
#pragma once

#include <cuecard/parts/layers/decoder_backbone.hpp>

namespace cuecard::gemma {

class Gemma final : public DecoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Gemma(const BackboneArguments& arguments);
};

} // namespace cuecard::gemma
