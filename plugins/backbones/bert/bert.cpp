#include "bert.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/embedding.hpp>
#include <cuecard/parts/readout.hpp>

#include "checkpoint.hpp"

namespace cuecard::bert {

Bert::Bert(const BackboneArguments& arguments) : configuration_(arguments.configuration) {
  const EncoderConfiguration& c = configuration_;
  shape_.family = "bert";
  shape_.layers = c.layers;
  shape_.hidden = shape_.embedding_width = c.hidden;
  shape_.heads = shape_.kv_heads = c.heads;
  shape_.head_dim = c.hidden / c.heads;
  shape_.vocabulary = c.vocabulary;
  shape_.max_positions = c.max_positions;
  shape_.sites = {{PrefixSite::self, c.layers, c.heads, c.hidden / c.heads}};
  if (!arguments.weights)
    return;

  Checkpoint checkpoint(*arguments.weights, weights_);
  const TakeTensor take = [&](const std::string& name, at::IntArrayRef sizes) {
    return checkpoint.get(name, sizes);
  };
  words_ = take("embeddings.word_embeddings.weight", {c.vocabulary, c.hidden});
  positions_ = take("embeddings.position_embeddings.weight", {c.max_positions, c.hidden});
  segments_ = take("embeddings.token_type_embeddings.weight", {c.segments, c.hidden});
  embedding_norm_ = take_layer_norm(take, "embeddings.LayerNorm", c.hidden, c.norm_epsilon);
  for (int64_t l = 0; l < c.layers; ++l)
    layers_.emplace_back(take, c, l);
  take_heads(*arguments.weights);
}

void Bert::take_heads(const Weights& source) {
  const EncoderConfiguration& c = configuration_;
  Checkpoint checkpoint(source, weights_);
  const TakeTensor take = [&](const std::string& name, at::IntArrayRef sizes) {
    return checkpoint.get(name, sizes);
  };
  if (checkpoint.has("pooler.dense.weight")) {
    pooler_ = take_linear(take, "pooler.dense", c.hidden, c.hidden);
    shape_.pools = true;
  }
  if (checkpoint.has("cls.predictions.transform.dense.weight")) {
    transform_ = take_linear(take, "cls.predictions.transform.dense", c.hidden, c.hidden);
    transform_norm_ = take_layer_norm(take, "cls.predictions.transform.LayerNorm", c.hidden, c.norm_epsilon);
    decoder_ = checkpoint.has("cls.predictions.decoder.weight")
                   ? checkpoint.get("cls.predictions.decoder.weight", {c.vocabulary, c.hidden})
                   : words_;
    const char* bias =
        checkpoint.has("cls.predictions.bias") ? "cls.predictions.bias" : "cls.predictions.decoder.bias";
    decoder_bias_ = checkpoint.get(bias, {c.vocabulary});
    shape_.scores_vocabulary = true;
  }
}

const at::Tensor& Bert::token_table(TokenTable table) const {
  if (table == TokenTable::output && !decoder_.defined())
    throw Error("this BERT checkpoint has no masked-LM head, so it has no output embeddings.");
  return table == TokenTable::input ? words_ : decoder_;
}

at::Tensor Bert::token_rows(TokenTable table, const at::Tensor& ids) const {
  return token_table(table).index_select(0, ids).to(at::kFloat);
}

at::Tensor Bert::token_products(TokenTable table, const at::Tensor& rows) const {
  return table_products(token_table(table), rows);
}

at::Tensor Bert::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  at::Tensor x = embed_rows(words_, side, args.conditioning) + positions_.index_select(0, pass.positions());
  x = x + (side.segments.defined() ? segments_.index_select(0, side.segments) : segments_[0]);
  x = embedding_norm_(x);
  for (int64_t l = 0; l < configuration_.layers; ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(configuration_, l, x, pass);
  return x;
}

at::Tensor Bert::read(const ReadArgs& args) const {
  switch (args.readout.kind) {
  case Readout::Kind::hidden:
    return args.hidden;
  case Readout::Kind::pooled:
    if (!pooler_.weight.defined())
      throw Error("this BERT checkpoint has no pooler; use a verbalizer that reads hidden states.");
    return at::tanh(pooler_(args.hidden));
  default:
    break;
  }
  if (!decoder_.defined())
    throw Error("this BERT checkpoint has no masked-LM head, so no words can be scored with it; use a "
                "checkpoint for masked language "
                "modelling, or a verbalizer that reads hidden states.");
  const at::Tensor states = transform_norm_(activate(configuration_.activation, transform_(args.hidden)));
  return args.readout.kind == Readout::Kind::transformed
             ? states
             : score_rows(states, decoder_, decoder_bias_, args, shape_.family);
}

} // namespace cuecard::bert
