#include "t5.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/embedding.hpp>
#include <cuecard/parts/readout.hpp>

namespace cuecard::t5 {

namespace {

/// Of `feed_forward_proj`, without its "gated-".
Activation activation_in(const Configuration& c, const std::string& feed_forward, bool gated) {
  // transformers reads "gated-gelu" as the approximation, because T5 1.1's files say so.
  const std::string name = feed_forward == "gated-gelu" ? "gelu_new" : feed_forward.substr(gated ? 6 : 0);
  if (const std::optional<Activation> activation = activation_named(name))
    return *activation;
  throw DataError(c.origin() + ": feed_forward_proj is \"" + feed_forward + "\"; known are " +
                  activation_names() + ", each also with \"gated-\" in front.");
}

/// Queries of `asked`, keys and values of the sources, and back to the hidden size. T5 does not scale scores.
at::Tensor attend(const T5Configuration& c, const T5Attention& attention, const at::Tensor& asked,
                  const std::vector<KeyValues>& sources, const AttentionLayout& layout,
                  const RelativeBias* bias) {
  const at::Tensor query = attention.query(asked).view({asked.size(0), c.heads, c.head_dim});
  const at::Tensor mixed = cuecard::attention(query, sources, layout, {1.0, bias});
  return attention.output(mixed.reshape({mixed.size(0), c.heads * c.head_dim}));
}

KeyValues project(const T5Configuration& c, const T5Attention& attention, const at::Tensor& rows) {
  return {attention.key(rows).view({rows.size(0), c.heads, c.head_dim}),
          attention.value(rows).view({rows.size(0), c.heads, c.head_dim})};
}

} // namespace

T5Configuration::T5Configuration(const Configuration& c)
    : encoder_layers(c.integer("num_layers", 1, 1024)),
      decoder_layers(c.integer_or("num_decoder_layers", encoder_layers, 1, 1024)),
      hidden(c.integer("d_model", 1, 1 << 20)), heads(c.integer("num_heads", 1, 4096)),
      head_dim(c.integer("d_kv", 1, 4096)), intermediate(c.integer("d_ff", 1, 1 << 24)),
      vocabulary(c.integer("vocab_size", 1, 1 << 24)),
      buckets(c.integer_or("relative_attention_num_buckets", 32, 4, 1 << 16)),
      max_distance(c.integer_or("relative_attention_max_distance", 128, 2, 1 << 24)),
      decoder_start(c.integer_or("decoder_start_token_id", c.integer_or("pad_token_id", 0))),
      norm_epsilon(c.number_or("layer_norm_epsilon", 1e-6)) {
  const std::string feed_forward = c.text_or("feed_forward_proj", "relu");
  gated = feed_forward.rfind("gated-", 0) == 0;
  activation = activation_in(c, feed_forward, gated);
  if (max_distance <= buckets / 2)
    throw DataError(c.origin() + ": relative_attention_max_distance is " + std::to_string(max_distance) +
                    "; with " + std::to_string(buckets) + " buckets it must be more than " +
                    std::to_string(buckets / 2) + ".");
  // Files of transformers 5 say it outright; in older ones only models that aren't tied don't scale.
  scales_before_scores = c.boolean_or("scale_decoder_outputs", c.boolean_or("tie_word_embeddings", true));
}

at::Tensor T5FeedForward::forward(const T5Configuration& c, const at::Tensor& x) const {
  const at::Tensor inner = rms_norm(x, norm, c.norm_epsilon);
  const at::Tensor raised = activate(c.activation, up(inner));
  return x + down(c.gated ? raised * gate(inner) : raised);
}

at::Tensor T5Stack::forward(const T5Configuration& c, at::Tensor x, const ForwardPass& pass,
                            const Encoded* encoded) const {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const T5Layer& layer = layers[l];
    const auto index = static_cast<int64_t>(l);
    const bool last = l + 1 == layers.size() && pass.reads_some();
    const auto asked = [&](const at::Tensor& rows) {
      return last ? rows.index_select(0, pass.read_rows()) : rows;
    };
    const at::Tensor normed = rms_norm(x, layer.self.norm, c.norm_epsilon);
    const KeyValues own = project(c, layer.self, normed);
    x = asked(x) + attend(c, layer.self, asked(normed), pass.sources(index, own.key, own.value),
                          last ? pass.last_layout() : pass.layout(), &bias);
    if (encoded)
      x = x + attend(c, layer.cross, rms_norm(x, layer.cross.norm, c.norm_epsilon),
                     encoded->pass.sources(index, [&] { return project(c, layer.cross, encoded->rows); }),
                     last ? encoded->pass.last_layout() : encoded->pass.layout(), nullptr);
    x = layer.feed_forward.forward(c, x);
  }
  return rms_norm(x, final_norm, c.norm_epsilon);
}

T5::T5(const BackboneArguments& arguments) : configuration_(arguments.configuration) {
  const T5Configuration& c = configuration_;
  shape_.family = "t5";
  shape_.layers = c.decoder_layers;
  shape_.hidden = shape_.embedding_width = c.hidden;
  shape_.heads = shape_.kv_heads = c.heads;
  shape_.head_dim = c.head_dim;
  shape_.vocabulary = c.vocabulary;
  shape_.encoder_decoder = true;
  shape_.decoder_start = c.decoder_start;
  shape_.scores_vocabulary = true;
  shape_.sites = {{PrefixSite::self, c.decoder_layers, c.heads, c.head_dim},
                  {PrefixSite::encoder, c.encoder_layers, c.heads, c.head_dim},
                  {PrefixSite::cross, c.decoder_layers, c.heads, c.head_dim}};
  if (!arguments.weights)
    return;

  const Weights& source = *arguments.weights;
  const char* embedding = source.has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight";
  embedding_ = weights_[embedding] = source.get(embedding, {c.vocabulary, c.hidden});
  head_ = embedding_;
  if (source.has("lm_head.weight"))
    head_ = weights_["lm_head.weight"] = source.get("lm_head.weight", {c.vocabulary, c.hidden});
  encoder_ = take_stack(source, "encoder", c.encoder_layers, false);
  decoder_ = take_stack(source, "decoder", c.decoder_layers, true);
}

T5Stack T5::take_stack(const Weights& source, const std::string& name, int64_t layers, bool decoder) {
  const T5Configuration& c = configuration_;
  const auto take = [&](const std::string& tensor, at::IntArrayRef size) {
    return weights_[tensor] = source.get(tensor, size);
  };
  const auto take_attention = [&](const std::string& at, const std::string& kind) {
    const int64_t width = c.heads * c.head_dim;
    return T5Attention{take(at + "layer_norm.weight", {c.hidden}),
                       {take(at + kind + ".q.weight", {width, c.hidden}), {}},
                       {take(at + kind + ".k.weight", {width, c.hidden}), {}},
                       {take(at + kind + ".v.weight", {width, c.hidden}), {}},
                       {take(at + kind + ".o.weight", {c.hidden, width}), {}}};
  };
  T5Stack stack;
  for (int64_t l = 0; l < layers; ++l) {
    const std::string at = name + ".block." + std::to_string(l) + ".layer.";
    T5Layer layer;
    layer.self = take_attention(at + "0.", "SelfAttention");
    if (decoder)
      layer.cross = take_attention(at + "1.", "EncDecAttention");
    const std::string last = at + (decoder ? "2." : "1.");
    T5FeedForward& feed_forward = layer.feed_forward;
    feed_forward.norm = take(last + "layer_norm.weight", {c.hidden});
    feed_forward.up.weight = take(last + (c.gated ? "DenseReluDense.wi_0.weight" : "DenseReluDense.wi.weight"),
                                  {c.intermediate, c.hidden});
    if (c.gated)
      feed_forward.gate.weight = take(last + "DenseReluDense.wi_1.weight", {c.intermediate, c.hidden});
    feed_forward.down.weight = take(last + "DenseReluDense.wo.weight", {c.hidden, c.intermediate});
    stack.layers.push_back(layer);
  }
  stack.bias.table =
      take(name + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight", {c.buckets, c.heads});
  stack.bias.both_directions = !decoder;
  stack.bias.max_distance = c.max_distance;
  stack.final_norm = take(name + ".final_layer_norm.weight", {c.hidden});
  return stack;
}

at::Tensor T5::token_rows(TokenTable table, const at::Tensor& ids) const {
  return (table == TokenTable::input ? embedding_ : head_).index_select(0, ids).to(at::kFloat);
}

at::Tensor T5::token_products(TokenTable table, const at::Tensor& rows) const {
  return table_products(table == TokenTable::input ? embedding_ : head_, rows);
}

at::Tensor T5::forward(const ForwardArgs& args) const {
  const Batch& batch = args.batch;
  const auto encode = [&] {
    const ForwardPass pass(args, batch.input, shape_, PrefixSite::encoder);
    return encoder_.forward(configuration_, embed_rows(embedding_, batch.input, args.conditioning), pass,
                            nullptr);
  };
  if (!batch.output)
    return encode();
  const ForwardPass pass(args, *batch.output, shape_, PrefixSite::self);
  const CrossPass cross(args);
  const Encoded encoded{cross, cross.encodes() ? encode() : at::Tensor()};
  return decoder_.forward(configuration_, embed_rows(embedding_, *batch.output, args.conditioning), pass,
                          &encoded);
}

at::Tensor T5::read(const ReadArgs& args) const {
  if (args.readout.kind == Readout::Kind::hidden)
    return args.hidden;
  const at::Tensor states = configuration_.scales_before_scores
                                ? args.hidden * std::pow(static_cast<double>(configuration_.hidden), -0.5)
                                : args.hidden;
  return args.readout.kind == Readout::Kind::transformed
             ? states
             : score_rows(states, head_, at::Tensor(), args, shape_.family);
}

} // namespace cuecard::t5
