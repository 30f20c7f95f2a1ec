#include "albert.hpp"

#include <cuecard/error.hpp>

namespace cuecard::albert {

namespace {

/// The names of all layers: `repeats` layers of a group are run one after the other, as often as the group has layers.
std::vector<std::string> layer_names(int64_t layers, int64_t groups, int64_t repeats) {
  std::vector<std::string> names;
  for (int64_t l = 0; l < layers; ++l) {
    // As transformers computes the group, in double precision.
    const auto group = static_cast<int64_t>(static_cast<double>(l) /
                                            (static_cast<double>(layers) / static_cast<double>(groups)));
    for (int64_t r = 0; r < repeats; ++r)
      names.push_back("encoder.albert_layer_groups." + std::to_string(group) + ".albert_layers." +
                      std::to_string(r) + ".");
  }
  return names;
}

EncoderFamily family_of(const Configuration& c) {
  EncoderConfiguration configuration(
      c, {},
      {.hidden = 4096, .heads = 64, .intermediate = 16384, .vocabulary = 30000, .activation = "gelu_new"});
  configuration.embedding_width = c.integer_or("embedding_size", 128, 1, 1 << 20);
  const int64_t groups = c.integer_or("num_hidden_groups", 1, 1, 1024),
                repeats = c.integer_or("inner_group_num", 1, 1, 1024);
  if (groups > configuration.layers)
    throw DataError(c.origin() + ": num_hidden_groups is " + std::to_string(groups) +
                    "; expected at most num_hidden_layers, " + std::to_string(configuration.layers) + ".");
  std::vector<std::string> names = layer_names(configuration.layers, groups, repeats);
  configuration.layers = static_cast<int64_t>(names.size());
  return {.name = "albert",
          .title = "ALBERT",
          .names = {.prefix = "albert.",
                    .layer = {.query = "attention.query",
                              .key = "attention.key",
                              .value = "attention.value",
                              .output = "attention.dense",
                              .attention_norm = "attention.LayerNorm",
                              .up = "ffn",
                              .down = "ffn_output",
                              .output_norm = "full_layer_layer_norm"},
                    .layers = std::move(names),
                    .pooler = "pooler",
                    .transform = "predictions.dense",
                    .transform_norm = "predictions.LayerNorm",
                    .decoder = "predictions.decoder",
                    .decoder_bias = "predictions.bias"},
          .configuration = configuration,
          .head_activation = configuration.activation,
          .projection = {.name = "encoder.embedding_hidden_mapping_in", .always = true}};
}

} // namespace

BackboneShape Albert::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Albert::Albert(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::albert
