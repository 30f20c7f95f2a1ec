/// ELECTRA (Clark et al. 2020): BERT's encoder with embeddings that may be narrower than hidden states. A
/// generator has a masked-LM head; a discriminator, which detects replaced tokens, has none.
#pragma once

#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::electra {

class Electra final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Electra(const BackboneArguments& arguments);
};

} // namespace cuecard::electra
