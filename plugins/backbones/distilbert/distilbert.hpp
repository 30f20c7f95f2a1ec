/// DistilBERT (Sanh et al. 2019): BERT's encoder with half of its layers, no segments and no pooler, and
/// other tensor names.
#pragma once

#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::distilbert {

class DistilBert final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit DistilBert(const BackboneArguments& arguments);
};

} // namespace cuecard::distilbert
