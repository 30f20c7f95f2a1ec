#include "mpnet.hpp"

#include <cmath>

#include <cuecard/error.hpp>

namespace cuecard::mpnet {

namespace {

constexpr int64_t padding = 1;  ///< the padding token whose position is used, whatever pad_token_id says
constexpr int64_t buckets = 32; ///< used by transformers, whatever the table's size

int64_t table_rows(const Configuration& c) {
  return c.integer_or("relative_attention_num_buckets", buckets, buckets, 1 << 16);
}

EncoderFamily family_of(const Configuration& c) {
  EncoderConfiguration configuration(c, {}, {.vocabulary = 30527, .segments = 0});
  configuration.segments = 0;
  if (configuration.max_positions <= padding + 1)
    throw DataError(c.origin() + ": max_position_embeddings is " + std::to_string(configuration.max_positions) +
                    ", and positions begin at " + std::to_string(padding + 1) + ".");
  table_rows(c);
  return {.name = "mpnet",
          .title = "MPNet",
          .names = {.prefix = "mpnet.",
                    .layer = {.query = "attention.attn.q",
                              .key = "attention.attn.k",
                              .value = "attention.attn.v",
                              .output = "attention.attn.o",
                              .attention_norm = "attention.LayerNorm"},
                    .pooler = "pooler.dense",
                    .transform = "lm_head.dense",
                    .transform_norm = "lm_head.layer_norm",
                    .decoder = "lm_head.decoder",
                    .decoder_bias = "lm_head.bias"},
          .configuration = configuration,
          .head_activation = Activation::gelu,
          .first_position = padding + 1,
          .uncounted_token = padding};
}

} // namespace

BackboneShape MpNet::describe(const Configuration& configuration) {
  return family_of(configuration).shape();
}

MpNet::MpNet(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration)) {
  const at::Tensor table = take(arguments.weights, prefix() + "encoder.relative_attention_bias.weight",
                                {table_rows(arguments.configuration), shape_.heads});
  // The table itself if its size matches, so that a replaced table is trained.
  bias_ = {table.size(0) == buckets ? table : table.narrow(0, 0, buckets), true};
}

at::Tensor MpNet::attend(int64_t, const ForwardPass&, const at::Tensor& query,
                         const std::vector<KeyValues>& sources, const AttentionLayout& layout) const {
  return attention(query, sources, layout, {1.0 / std::sqrt(static_cast<double>(query.size(2))), &bias_});
}

} // namespace cuecard::mpnet
