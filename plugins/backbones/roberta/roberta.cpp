#include "roberta.hpp"

#include <cuecard/error.hpp>

namespace cuecard::roberta {

namespace {

/// Positions begin one after the padding token's id, which is the position of padding in fairseq.
int64_t first_position(const Configuration& c, int64_t max_positions) {
  const int64_t first = c.integer_or("pad_token_id", 1) + 1;
  if (first >= max_positions)
    throw DataError(c.origin() + ": max_position_embeddings is " + std::to_string(max_positions) +
                    ", and positions begin at pad_token_id + 1 = " + std::to_string(first) + ".");
  return first;
}

EncoderFamily family_of(const Configuration& c) {
  // XLM-RoBERTa's and CamemBERT's configurations default to BERT's number.
  const EncoderConfiguration configuration(
      c, {}, {.vocabulary = c.text_or("model_type", "roberta") == "roberta" ? 50265 : 30522});
  const int64_t first = first_position(c, configuration.max_positions);
  return {.name = "roberta",
          .title = "RoBERTa",
          .names = {.prefix = "roberta.",
                    .layer = {},
                    .pooler = "pooler.dense",
                    .transform = "lm_head.dense",
                    .transform_norm = "lm_head.layer_norm",
                    .decoder = "lm_head.decoder",
                    .decoder_bias = "lm_head.bias"},
          .configuration = configuration,
          .head_activation = Activation::gelu,
          .first_position = first,
          .uncounted_token = first - 1,
          .reads_segments = false};
}

} // namespace

BackboneShape Roberta::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

Roberta::Roberta(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration)) {}

} // namespace cuecard::roberta
