#include "distilbert.hpp"

namespace cuecard::distilbert {

namespace {

EncoderConfiguration configuration_of(const Configuration& given) {
  const Configuration c = given.renamed(
      {{"hidden_size", "dim"}, {"num_attention_heads", "n_heads"}, {"num_hidden_layers", "n_layers"}});
  EncoderConfiguration configuration(c,
                                     {.layers = "n_layers",
                                      .hidden = "dim",
                                      .heads = "n_heads",
                                      .intermediate = "hidden_dim",
                                      .activation = "activation"},
                                     {.layers = 6});
  configuration.segments = 0;
  return configuration;
}

EncoderFamily family_of(const Configuration& c) {
  const EncoderConfiguration configuration = configuration_of(c);
  return {
      .name = "distilbert",
      .title = "DistilBERT",
      .names = {.prefix = "distilbert.",
                .layer = {.stack = "transformer.layer",
                          .query = "attention.q_lin",
                          .key = "attention.k_lin",
                          .value = "attention.v_lin",
                          .output = "attention.out_lin",
                          .attention_norm = "sa_layer_norm",
                          .up = "ffn.lin1",
                          .down = "ffn.lin2",
                          .output_norm = "output_layer_norm"},
                .pooler = "", // `pre_classifier` belongs to the classifier of a checkpoint for classification
                .transform = "vocab_transform",
                .transform_norm = "vocab_layer_norm",
                .decoder = "vocab_projector",
                .decoder_bias = "vocab_projector.bias"},
      .configuration = configuration,
      .head_activation = configuration.activation};
}

} // namespace

BackboneShape DistilBert::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

DistilBert::DistilBert(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::distilbert
