/// ALBERT (Lan et al. 2020): BERT's encoder with one layer that all layers share, or one for each group of them, and narrow
/// embeddings, which are projected to hidden states.
#pragma once

#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::albert {

class Albert final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Albert(const BackboneArguments& arguments);
};

} // namespace cuecard::albert
