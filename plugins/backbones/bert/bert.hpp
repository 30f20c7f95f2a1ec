/// BERT (Devlin et al. 2019): an `EncoderBackbone` with learned positions and segments.
#pragma once

#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::bert {

class Bert final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Bert(const BackboneArguments& arguments);
};

} // namespace cuecard::bert
