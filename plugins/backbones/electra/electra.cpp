#include "electra.hpp"

namespace cuecard::electra {

namespace {

EncoderFamily family_of(const Configuration& c) {
  EncoderConfiguration configuration(c, {}, {.hidden = 256, .heads = 4, .intermediate = 1024});
  configuration.embedding_width = c.integer_or("embedding_size", 128, 1, 1 << 20);
  return {.name = "electra",
          .title = "ELECTRA",
          .names = {.prefix = "electra.",
                    .layer = {},
                    .pooler = "",
                    .transform = "generator_predictions.dense",
                    .transform_norm = "generator_predictions.LayerNorm",
                    .decoder = "generator_lm_head",
                    .decoder_bias = "generator_lm_head.bias"},
          .configuration = configuration,
          .head_activation = Activation::gelu}; // independent of the layers' activation
}

} // namespace

BackboneShape Electra::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Electra::Electra(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::electra
