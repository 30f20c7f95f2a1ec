#include "bert.hpp"

namespace cuecard::bert {

namespace {

EncoderFamily family_of(const Configuration& c) {
  const EncoderConfiguration configuration(c);
  return {.name = "bert",
          .title = "BERT",
          .names = {.prefix = "bert.",
                    .layer = {},
                    .pooler = "pooler.dense",
                    .transform = "cls.predictions.transform.dense",
                    .transform_norm = "cls.predictions.transform.LayerNorm",
                    .decoder = "cls.predictions.decoder",
                    .decoder_bias = "cls.predictions.bias"},
          .configuration = configuration,
          .head_activation = configuration.activation};
}

} // namespace

BackboneShape Bert::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Bert::Bert(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::bert
