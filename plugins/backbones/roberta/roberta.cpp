#include "roberta.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/embedding.hpp>
#include <cuecard/parts/readout.hpp>

namespace cuecard::roberta {

Roberta::Roberta(const BackboneArguments& arguments)
    : configuration_(arguments.configuration),
      first_position_(arguments.configuration.integer_or("pad_token_id", 1) + 1) {
  const EncoderConfiguration& c = configuration_;
  if (first_position_ >= c.max_positions)
    throw DataError(arguments.configuration.origin() + ": max_position_embeddings is " +
                    std::to_string(c.max_positions) +
                    ", and positions begin at pad_token_id + 1 = " + std::to_string(first_position_) + ".");
  shape_.family = "roberta";
  shape_.layers = c.layers;
  shape_.hidden = shape_.embedding_width = c.hidden;
  shape_.heads = shape_.kv_heads = c.heads;
  shape_.head_dim = c.hidden / c.heads;
  shape_.vocabulary = c.vocabulary;
  shape_.max_positions = c.max_positions - first_position_;
  shape_.sites = {{PrefixSite::self, c.layers, c.heads, c.hidden / c.heads}};
  if (!arguments.weights)
    return;

  const Weights& source = *arguments.weights;
  const std::string prefix = source.has("roberta.embeddings.word_embeddings.weight") ? "roberta." : "";
  const TakeTensor take = [&](const std::string& name, at::IntArrayRef sizes) {
    const std::string spelled = name.rfind("lm_head.", 0) == 0 ? name : prefix + name;
    return weights_[spelled] = source.get(spelled, sizes);
  };
  words_ = take("embeddings.word_embeddings.weight", {c.vocabulary, c.hidden});
  positions_ = take("embeddings.position_embeddings.weight", {c.max_positions, c.hidden});
  segments_ = take("embeddings.token_type_embeddings.weight", {c.segments, c.hidden});
  embedding_norm_ = take_layer_norm(take, "embeddings.LayerNorm", c.hidden, c.norm_epsilon);
  for (int64_t l = 0; l < c.layers; ++l)
    layers_.emplace_back(take, c, l);
  take_heads(source, take, prefix);
}

void Roberta::take_heads(const Weights& source, const TakeTensor& take, const std::string& prefix) {
  const EncoderConfiguration& c = configuration_;
  if (source.has(prefix + "pooler.dense.weight")) {
    pooler_ = take_linear(take, "pooler.dense", c.hidden, c.hidden);
    shape_.pools = true;
  }
  if (source.has("lm_head.dense.weight")) {
    transform_ = take_linear(take, "lm_head.dense", c.hidden, c.hidden);
    transform_norm_ = take_layer_norm(take, "lm_head.layer_norm", c.hidden, c.norm_epsilon);
    decoder_ = source.has("lm_head.decoder.weight") ? take("lm_head.decoder.weight", {c.vocabulary, c.hidden})
                                                    : words_;
    decoder_bias_ = take(source.has("lm_head.bias") ? "lm_head.bias" : "lm_head.decoder.bias", {c.vocabulary});
    shape_.scores_vocabulary = true;
  }
}

const at::Tensor& Roberta::token_table(TokenTable table) const {
  if (table == TokenTable::output && !decoder_.defined())
    throw Error("this RoBERTa checkpoint has no masked-LM head, so it has no output embeddings.");
  return table == TokenTable::input ? words_ : decoder_;
}

at::Tensor Roberta::token_rows(TokenTable table, const at::Tensor& ids) const {
  return token_table(table).index_select(0, ids).to(at::kFloat);
}

at::Tensor Roberta::token_products(TokenTable table, const at::Tensor& rows) const {
  return table_products(token_table(table), rows);
}

at::Tensor Roberta::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  at::Tensor x = embed_rows(words_, side, args.conditioning) +
                 positions_.index_select(0, pass.positions() + first_position_) + segments_[0];
  x = embedding_norm_(x);
  for (int64_t l = 0; l < configuration_.layers; ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(configuration_, l, x, pass);
  return x;
}

at::Tensor Roberta::read(const ReadArgs& args) const {
  switch (args.readout.kind) {
  case Readout::Kind::hidden:
    return args.hidden;
  case Readout::Kind::pooled:
    if (!pooler_.weight.defined())
      throw Error("this RoBERTa checkpoint has no pooler; use a verbalizer that reads hidden states.");
    return at::tanh(pooler_(args.hidden));
  default:
    break;
  }
  if (!decoder_.defined())
    throw Error("this RoBERTa checkpoint has no masked-LM head, so no words can be scored with it; use a "
                "checkpoint for masked language modelling, or a verbalizer that reads hidden states.");
  const at::Tensor states = transform_norm_(activate(Activation::gelu, transform_(args.hidden)));
  return args.readout.kind == Readout::Kind::transformed
             ? states
             : score_rows(states, decoder_, decoder_bias_, args, shape_.family);
}

} // namespace cuecard::roberta
