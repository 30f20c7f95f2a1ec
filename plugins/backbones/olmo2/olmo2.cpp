#include "olmo2.hpp"

namespace cuecard::olmo2 {

namespace {

DecoderFamily family_of(const Configuration& c) {
  const DecoderConfiguration configuration(c, {.vocabulary = 50304, .norm_epsilon = 1e-5});
  DecoderFamily family("olmo2", configuration, Rope(c, configuration.head_dim));
  family.norms = {"", "post_attention_layernorm", "", "post_feedforward_layernorm"};
  family.head_norms = DecoderFamily::HeadNorms::all_heads;
  family.input_bias = family.output_bias = c.boolean_or("attention_bias", false);
  return family;
}

} // namespace

BackboneShape Olmo2::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Olmo2::Olmo2(const BackboneArguments& arguments)
    : DecoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::olmo2
