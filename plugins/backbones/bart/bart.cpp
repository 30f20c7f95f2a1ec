#include "bart.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/embedding.hpp>
#include <cuecard/parts/readout.hpp>

namespace cuecard::bart {

namespace {

/// Rows of the position table in front of position 0: a remnant of fairseq, where they stood for padding.
constexpr int64_t position_offset = 2;
constexpr double norm_epsilon = 1e-5;

at::Tensor heads_of(const at::Tensor& rows, int64_t heads) {
  return rows.view({rows.size(0), heads, rows.size(1) / heads});
}

at::Tensor attend(const BartAttention& attention, int64_t heads, const at::Tensor& asked,
                  const std::vector<KeyValues>& sources, const AttentionLayout& layout) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(asked.size(1) / heads));
  const at::Tensor mixed = cuecard::attention(heads_of(attention.query(asked), heads), sources, layout, scale);
  return attention.norm(asked + attention.output(mixed.reshape(asked.sizes())));
}

KeyValues project(const BartAttention& attention, int64_t heads, const at::Tensor& rows) {
  return {heads_of(attention.key(rows), heads), heads_of(attention.value(rows), heads)};
}

} // namespace

BartConfiguration::BartConfiguration(const Configuration& c)
    : encoder{c.integer("encoder_layers", 1, 1024), c.integer("encoder_attention_heads", 1, 4096),
              c.integer("encoder_ffn_dim", 1, 1 << 24)},
      decoder{c.integer("decoder_layers", 1, 1024), c.integer("decoder_attention_heads", 1, 4096),
              c.integer("decoder_ffn_dim", 1, 1 << 24)},
      hidden(c.integer("d_model", 1, 1 << 20)), vocabulary(c.integer("vocab_size", 1, 1 << 24)),
      max_positions(c.integer_or("max_position_embeddings", 1024, 1, 1 << 24)),
      decoder_start(c.integer_or("decoder_start_token_id", c.integer_or("eos_token_id", 2))),
      scale_embedding(c.boolean_or("scale_embedding", false)), tied(c.boolean_or("tie_word_embeddings", true)),
      activation(activation_of(c, "activation_function", "gelu")) {
  for (const auto& [key, heads] : {std::pair{"encoder_attention_heads", encoder.heads},
                                   std::pair{"decoder_attention_heads", decoder.heads}})
    if (hidden % heads != 0)
      throw DataError(c.origin() + ": d_model is " + std::to_string(hidden) + ", which " + key + " " +
                      std::to_string(heads) + " does not divide.");
  for (const char* key : {"normalize_before", "add_final_layer_norm"})
    if (c.boolean_or(key, false))
      throw DataError(c.origin() + ": " + key +
                      " is true; this backbone has BART's norms, which stand behind.");
}

at::Tensor BartStack::forward(const at::Tensor& embedded, const ForwardPass& pass,
                              const Encoded* encoded) const {
  at::Tensor x = embedding_norm(embedded + positions.index_select(0, pass.positions() + position_offset));
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const BartLayer& layer = layers[l];
    const auto index = static_cast<int64_t>(l);
    const bool last = l + 1 == layers.size() && pass.reads_some();
    const KeyValues own = project(layer.self, heads, x);
    x = attend(layer.self, heads, last ? x.index_select(0, pass.read_rows()) : x,
               pass.sources(index, own.key, own.value), last ? pass.last_layout() : pass.layout());
    if (encoded)
      x = attend(layer.cross, heads, x,
                 encoded->pass.sources(index, [&] { return project(layer.cross, heads, encoded->rows); }),
                 last ? encoded->pass.last_layout() : encoded->pass.layout());
    const BartFeedForward& feed_forward = layer.feed_forward;
    x = feed_forward.norm(x + feed_forward.down(activate(activation, feed_forward.up(x))));
  }
  return x;
}

Bart::Bart(const BackboneArguments& arguments) : configuration_(arguments.configuration) {
  const BartConfiguration& c = configuration_;
  shape_.family = "bart";
  shape_.layers = c.decoder.layers;
  shape_.hidden = shape_.embedding_width = c.hidden;
  shape_.heads = shape_.kv_heads = c.decoder.heads;
  shape_.head_dim = c.hidden / c.decoder.heads;
  shape_.vocabulary = c.vocabulary;
  shape_.max_positions = c.max_positions;
  shape_.encoder_decoder = true;
  shape_.decoder_start = c.decoder_start;
  shape_.scores_vocabulary = true;
  shape_.sites = {{PrefixSite::self, c.decoder.layers, c.decoder.heads, c.hidden / c.decoder.heads},
                  {PrefixSite::encoder, c.encoder.layers, c.encoder.heads, c.hidden / c.encoder.heads},
                  {PrefixSite::cross, c.decoder.layers, c.decoder.heads, c.hidden / c.decoder.heads}};
  if (!arguments.weights)
    return;

  const Weights& source = *arguments.weights;
  const std::string words =
      source.has("model.shared.weight") ? "model.shared.weight" : "model.encoder.embed_tokens.weight";
  words_ = weights_[words] = source.get(words, {c.vocabulary, c.hidden});
  head_ = c.tied ? words_ : weights_["lm_head.weight"] = source.get("lm_head.weight", {c.vocabulary, c.hidden});
  if (source.has("final_logits_bias"))
    final_logits_bias_ =
        (weights_["final_logits_bias"] = source.get("final_logits_bias", {1, c.vocabulary})).select(0, 0);
  encoder_ = take_stack(source, "model.encoder.", c.encoder, false);
  decoder_ = take_stack(source, "model.decoder.", c.decoder, true);
}

BartStack Bart::take_stack(const Weights& source, const std::string& name, const BartSide& side, bool decoder) {
  const int64_t hidden = configuration_.hidden;
  const auto take = [&](const std::string& tensor, at::IntArrayRef size) {
    return weights_[name + tensor] = source.get(name + tensor, size);
  };
  const auto take_linear = [&](const std::string& at, int64_t out, int64_t in) {
    return Linear{take(at + ".weight", {out, in}), take(at + ".bias", {out})};
  };
  const auto take_norm = [&](const std::string& at) {
    return LayerNorm{take(at + ".weight", {hidden}), take(at + ".bias", {hidden}), norm_epsilon};
  };
  const auto take_attention = [&](const std::string& at) {
    return BartAttention{take_linear(at + ".q_proj", hidden, hidden),
                         take_linear(at + ".k_proj", hidden, hidden),
                         take_linear(at + ".v_proj", hidden, hidden),
                         take_linear(at + ".out_proj", hidden, hidden), take_norm(at + "_layer_norm")};
  };
  BartStack stack;
  stack.heads = side.heads;
  stack.activation = configuration_.activation;
  stack.positions = take("embed_positions.weight", {configuration_.max_positions + position_offset, hidden});
  stack.embedding_norm = take_norm("layernorm_embedding");
  for (int64_t l = 0; l < side.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    BartLayer layer;
    layer.self = take_attention(at + "self_attn");
    if (decoder)
      layer.cross = take_attention(at + "encoder_attn");
    layer.feed_forward = {take_linear(at + "fc1", side.intermediate, hidden),
                          take_linear(at + "fc2", hidden, side.intermediate),
                          take_norm(at + "final_layer_norm")};
    stack.layers.push_back(layer);
  }
  return stack;
}

at::Tensor Bart::token_rows(TokenTable table, const at::Tensor& ids) const {
  return (table == TokenTable::input ? words_ : head_).index_select(0, ids).to(at::kFloat);
}

at::Tensor Bart::token_products(TokenTable table, const at::Tensor& rows) const {
  return table_products(table == TokenTable::input ? words_ : head_, rows);
}

/// Learned rows are scaled like words, so that one that starts from a word stands for it.
at::Tensor Bart::embed(const Side& side, const Conditioning& conditioning) const {
  const at::Tensor rows = embed_rows(words_, side, conditioning);
  return configuration_.scale_embedding ? rows * std::sqrt(static_cast<double>(configuration_.hidden)) : rows;
}

at::Tensor Bart::forward(const ForwardArgs& args) const {
  const Batch& batch = args.batch;
  const auto encode = [&] {
    const ForwardPass pass(args, batch.input, shape_, PrefixSite::encoder);
    return encoder_.forward(embed(batch.input, args.conditioning), pass, nullptr);
  };
  if (!batch.output)
    return encode();
  const ForwardPass pass(args, *batch.output, shape_, PrefixSite::self);
  const CrossPass cross(args);
  const Encoded encoded{cross, cross.encodes() ? encode() : at::Tensor()};
  return decoder_.forward(embed(*batch.output, args.conditioning), pass, &encoded);
}

at::Tensor Bart::read(const ReadArgs& args) const {
  const Readout::Kind kind = args.readout.kind;
  if (kind == Readout::Kind::hidden || kind == Readout::Kind::transformed)
    return args.hidden;
  return score_rows(args.hidden, head_, final_logits_bias_, args, shape_.family);
}

} // namespace cuecard::bart
