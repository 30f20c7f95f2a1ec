#include "bert.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/embedding.hpp>
#include <cuecard/parts/readout.hpp>

#include "checkpoint.hpp"

namespace cuecard::bert {

namespace {

at::Tensor activate(const std::string& activation, const at::Tensor& x) {
  if (activation == "relu")
    return at::relu(x);
  return at::gelu(x, activation == "gelu" ? "none" : "tanh");
}

Linear take_linear(Checkpoint& checkpoint, const std::string& name, int64_t out, int64_t in) {
  return {checkpoint.get(name + ".weight", {out, in}), checkpoint.get(name + ".bias", {out})};
}

LayerNorm take_norm(Checkpoint& checkpoint, const std::string& name, const BertConfiguration& c) {
  return {checkpoint.get(name + ".weight", {c.hidden}), checkpoint.get(name + ".bias", {c.hidden}),
          c.norm_epsilon};
}

} // namespace

BertConfiguration::BertConfiguration(const Configuration& c)
    : layers(c.integer("num_hidden_layers", 1, 1024)), hidden(c.integer("hidden_size", 1, 1 << 20)),
      heads(c.integer("num_attention_heads", 1, 4096)),
      intermediate(c.integer("intermediate_size", 1, 1 << 24)), vocabulary(c.integer("vocab_size", 1, 1 << 24)),
      max_positions(c.integer("max_position_embeddings", 1, 1 << 24)),
      segments(c.integer_or("type_vocab_size", 2, 1, 4096)), norm_epsilon(c.number_or("layer_norm_eps", 1e-12)),
      activation(c.text_or("hidden_act", "gelu")) {
  if (hidden % heads != 0)
    throw DataError(c.origin() + ": hidden_size is " + std::to_string(hidden) + ", which num_attention_heads " +
                    std::to_string(heads) + " does not divide.");
  if (activation != "gelu" && activation != "gelu_new" && activation != "relu")
    throw DataError(c.origin() + ": hidden_act is \"" + activation +
                    "\"; this backbone has gelu, gelu_new and relu.");
  const std::string positions = c.text_or("position_embedding_type", "absolute");
  if (positions != "absolute")
    throw DataError(c.origin() + ": position_embedding_type is \"" + positions +
                    "\"; this backbone has \"absolute\".");
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, epsilon);
}

at::Tensor BertLayer::forward(const BertConfiguration& c, int64_t index, const at::Tensor& x,
                              const ForwardPass& pass) const {
  const bool last = index + 1 == c.layers && pass.reads_some();
  const at::Tensor asked = last ? x.index_select(0, pass.read_rows()) : x;
  const int64_t head_dim = c.hidden / c.heads;
  const auto heads_of = [&](const at::Tensor& rows) { return rows.view({rows.size(0), c.heads, head_dim}); };

  const at::Tensor mixed =
      attention(heads_of(query(asked)), pass.sources(index, heads_of(key(x)), heads_of(value(x))),
                last ? pass.last_layout() : pass.layout(), 1.0 / std::sqrt(static_cast<double>(head_dim)));
  const at::Tensor attended = attention_norm(asked + output(mixed.reshape({mixed.size(0), c.hidden})));
  return output_norm(attended + down(activate(c.activation, up(attended))));
}

Bert::Bert(const BackboneArguments& arguments) : configuration_(arguments.configuration) {
  const BertConfiguration& c = configuration_;
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
  words_ = checkpoint.get("embeddings.word_embeddings.weight", {c.vocabulary, c.hidden});
  positions_ = checkpoint.get("embeddings.position_embeddings.weight", {c.max_positions, c.hidden});
  segments_ = checkpoint.get("embeddings.token_type_embeddings.weight", {c.segments, c.hidden});
  embedding_norm_ = take_norm(checkpoint, "embeddings.LayerNorm", c);
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = "encoder.layer." + std::to_string(l) + ".";
    BertLayer layer;
    layer.query = take_linear(checkpoint, at + "attention.self.query", c.hidden, c.hidden);
    layer.key = take_linear(checkpoint, at + "attention.self.key", c.hidden, c.hidden);
    layer.value = take_linear(checkpoint, at + "attention.self.value", c.hidden, c.hidden);
    layer.output = take_linear(checkpoint, at + "attention.output.dense", c.hidden, c.hidden);
    layer.attention_norm = take_norm(checkpoint, at + "attention.output.LayerNorm", c);
    layer.up = take_linear(checkpoint, at + "intermediate.dense", c.intermediate, c.hidden);
    layer.down = take_linear(checkpoint, at + "output.dense", c.hidden, c.intermediate);
    layer.output_norm = take_norm(checkpoint, at + "output.LayerNorm", c);
    layers_.push_back(layer);
  }
  take_heads(*arguments.weights);
}

void Bert::take_heads(const Weights& source) {
  const BertConfiguration& c = configuration_;
  Checkpoint checkpoint(source, weights_);
  if (checkpoint.has("pooler.dense.weight")) {
    pooler_ = take_linear(checkpoint, "pooler.dense", c.hidden, c.hidden);
    shape_.pools = true;
  }
  if (checkpoint.has("cls.predictions.transform.dense.weight")) {
    transform_ = take_linear(checkpoint, "cls.predictions.transform.dense", c.hidden, c.hidden);
    transform_norm_ = take_norm(checkpoint, "cls.predictions.transform.LayerNorm", c);
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
