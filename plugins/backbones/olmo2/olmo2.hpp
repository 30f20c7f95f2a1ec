/// OLMo 2 (OLMo Team 2024): Llama's decoder with norms after each part instead of before it, and norms over all queries and over
/// all keys.
#pragma once

#include <cuecard/parts/layers/decoder_backbone.hpp>

namespace cuecard::olmo2 {

class Olmo2 final : public DecoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Olmo2(const BackboneArguments& arguments);
};

} // namespace cuecard::olmo2
