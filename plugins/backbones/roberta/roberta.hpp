/// RoBERTa (Liu et al. 2019): BERT's encoder with positions that begin after the padding token's, one segment,
/// and another masked-LM head.
#pragma once

#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::roberta {

class Roberta final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Roberta(const BackboneArguments& arguments);
};

} // namespace cuecard::roberta
