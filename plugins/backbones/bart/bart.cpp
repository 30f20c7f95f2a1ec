#include "bart.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>

namespace cuecard::bart {

namespace {

/// Rows of the position table before position 0: fairseq used them for padding.
constexpr int64_t position_offset = 2;
constexpr double norm_epsilon = 1e-5;

/// With BART's names for keys that transformers also reads under other families' names.
Configuration own_spelling(const Configuration& c) {
  return c.renamed({{"hidden_size", "d_model"},
                    {"num_attention_heads", "encoder_attention_heads"},
                    {"num_hidden_layers", "encoder_layers"}});
}

at::Tensor heads_of(const at::Tensor& states, int64_t heads) {
  return states.view({states.size(0), heads, states.size(1) / heads});
}

at::Tensor attend(const BartAttention& attention, int64_t heads, const at::Tensor& states,
                  const ForwardPass& pass, bool selected, const std::vector<KeyValues>& sources,
                  const AttentionLayout& layout) {
  const int64_t width = states.size(1) / heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  const at::Tensor query = heads_of(pass.linear(attention.query, states, selected), heads);
  const at::Tensor mixed = cuecard::attention(query, sources, layout, scale);
  return attention.norm(states + pass.linear(attention.output, mixed.reshape(states.sizes()), selected));
}

KeyValues keys_and_values(const BartAttention& attention, int64_t heads, const at::Tensor& states,
                          const ForwardPass& pass) {
  return {heads_of(pass.linear(attention.key, states), heads),
          heads_of(pass.linear(attention.value, states), heads)};
}

} // namespace

BartConfiguration::BartConfiguration(const Configuration& c)
    : encoder{c.integer_or("encoder_layers", 12, 1, 1024), c.integer_or("encoder_attention_heads", 16, 1, 4096),
              c.integer_or("encoder_ffn_dim", 4096, 1, 1 << 24)},
      decoder{c.integer_or("decoder_layers", 12, 1, 1024), c.integer_or("decoder_attention_heads", 16, 1, 4096),
              c.integer_or("decoder_ffn_dim", 4096, 1, 1 << 24)},
      hidden(c.integer_or("d_model", 1024, 1, 1 << 20)),
      vocabulary(c.integer_or("vocab_size", 50265, 1, 1 << 24)),
      max_positions(c.integer_or("max_position_embeddings", 1024, 1, 1 << 24)),
      decoder_start(c.integer_or("decoder_start_token_id", 2)),
      scale_embedding(c.boolean_or("scale_embedding", false)), tied(c.boolean_or("tie_word_embeddings", true)),
      activation(activation_of(c, "activation_function", "gelu")) {
  for (const auto& [key, heads] : {std::pair{"encoder_attention_heads", encoder.heads},
                                   std::pair{"decoder_attention_heads", decoder.heads}})
    check_heads(c, hidden, heads, "d_model", key);
  for (const char* key : {"normalize_before", "add_final_layer_norm"})
    if (c.boolean_or(key, false))
      throw DataError(c.origin() + ": " + key +
                      " is true; this backbone implements BART's post-norm layers only.");
}

at::Tensor BartStack::forward(const at::Tensor& embedded, const ForwardPass& pass,
                              const Encoded* encoded) const {
  at::Tensor x = embedding_norm(embedded + positions.index_select(0, pass.positions() + position_offset));
  const int64_t count = pass.layers(static_cast<int64_t>(layers.size()));
  for (int64_t l = 0; l < count; ++l) {
    const BartLayer& layer = layers[static_cast<std::size_t>(l)];
    const bool last = l + 1 == count && pass.selects_tokens();
    x = pass.enter(l, x);
    const KeyValues own = keys_and_values(layer.self, heads, x, pass);
    x = attend(layer.self, heads, last ? x.index_select(0, pass.selected_tokens()) : x, pass, last,
               pass.sources(l, own.key, own.value), last ? pass.last_layout() : pass.layout(l));
    if (encoded) {
      const auto project = [&] {
        return keys_and_values(layer.cross, heads, encoded->states, *encoded->encoder);
      };
      x = attend(layer.cross, heads, x, pass, last, encoded->pass.sources(l, project),
                 last ? encoded->pass.last_layout() : encoded->pass.layout());
    }
    const BartFeedForward& feed_forward = layer.feed_forward;
    const at::Tensor inner = activate(activation, pass.linear(feed_forward.up, x, last));
    x = feed_forward.norm(x + pass.linear(feed_forward.down, inner, last));
  }
  return x;
}

BackboneShape Bart::describe(const Configuration& configuration) {
  const BartConfiguration c(own_spelling(configuration));
  BackboneShape shape;
  shape.family = "bart";
  shape.layers = c.decoder.layers;
  shape.hidden = shape.embedding_width = c.hidden;
  shape.heads = shape.kv_heads = c.decoder.heads;
  shape.head_dim = c.hidden / c.decoder.heads;
  shape.vocabulary = c.vocabulary;
  shape.max_positions = c.max_positions;
  shape.encoder_decoder = true;
  shape.decoder_start = c.decoder_start;
  shape.has_lm_head = true;
  shape.sites = {{PrefixSite::self, c.decoder.layers, c.decoder.heads, c.hidden / c.decoder.heads},
                 {PrefixSite::encoder, c.encoder.layers, c.encoder.heads, c.hidden / c.encoder.heads},
                 {PrefixSite::cross, c.decoder.layers, c.decoder.heads, c.hidden / c.decoder.heads}};
  return shape;
}

Bart::Bart(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(own_spelling(arguments.configuration)) {
  const BartConfiguration& c = configuration_;
  const Weights& source = arguments.weights;
  const std::string model = prefix_in(source, {"model.", ""}, "encoder.layernorm_embedding.weight");
  // In the order in which transformers fills in for a missing one.
  const std::vector<std::string> words{model + "shared.weight", model + "decoder.embed_tokens.weight",
                                       model + "encoder.embed_tokens.weight"};
  std::vector<at::Tensor> tables; // shared, of the head, of the decoder, of the encoder
  if (c.tied) {
    tables =
        take_tied(source, {words[0], "lm_head.weight", words[1], words[2]}, {c.vocabulary, c.hidden}, true);
  } else { // a separate head; both sides still read the shared table
    tables = take_tied(source, words, {c.vocabulary, c.hidden}, true);
    tables.insert(tables.begin() + 1,
                  take_tied(source, {"lm_head.weight"}, {c.vocabulary, c.hidden}, false)[0]);
  }
  set_tables(source, words[0], tables[3], tables[1]);
  decoder_table_ = tables[2];
  if (source.has("final_logits_bias"))
    final_logits_bias_ = take(source, "final_logits_bias", {1, c.vocabulary}).select(0, 0);
  encoder_ = take_stack(source, model + "encoder.", c.encoder, false);
  decoder_ = take_stack(source, model + "decoder.", c.decoder, true);
}

BartStack Bart::take_stack(const Weights& source, const std::string& name, const BartSide& side, bool decoder) {
  const int64_t hidden = configuration_.hidden;
  const auto map = [&](const std::string& at, int64_t out, int64_t in) {
    return take_linear(source, name + at, out, in, true);
  };
  const auto take_norm = [&](const std::string& at) {
    return take_layer_norm(source, name + at, hidden, norm_epsilon);
  };
  const auto take_attention = [&](const std::string& at) {
    return BartAttention{map(at + ".q_proj", hidden, hidden), map(at + ".k_proj", hidden, hidden),
                         map(at + ".v_proj", hidden, hidden), map(at + ".out_proj", hidden, hidden),
                         take_norm(at + "_layer_norm")};
  };
  BartStack stack;
  stack.heads = side.heads;
  stack.activation = configuration_.activation;
  stack.positions =
      take(source, name + "embed_positions.weight", {configuration_.max_positions + position_offset, hidden});
  stack.embedding_norm = take_norm("layernorm_embedding");
  for (int64_t l = 0; l < side.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    BartLayer layer;
    layer.self = take_attention(at + "self_attn");
    if (decoder)
      layer.cross = take_attention(at + "encoder_attn");
    layer.feed_forward = {map(at + "fc1", side.intermediate, hidden),
                          map(at + "fc2", hidden, side.intermediate), take_norm(at + "final_layer_norm")};
    stack.layers.push_back(layer);
  }
  return stack;
}

/// Soft tokens are scaled like words, so one initialised from a word equals it.
at::Tensor Bart::embed(const at::Tensor& table, const Side& side, const BatchConditioning& conditioning) const {
  const at::Tensor words = embed_tokens(table, side, conditioning);
  return configuration_.scale_embedding ? words * std::sqrt(static_cast<double>(configuration_.hidden)) : words;
}

at::Tensor Bart::forward(const ForwardArgs& args) const {
  const Batch& batch = args.batch;
  const ForwardPass encoder(args, batch.input, shape_, PrefixSite::encoder);
  const auto encode = [&] {
    return encoder_.forward(embed(input_table_, batch.input, args.conditioning), encoder, nullptr);
  };
  if (!batch.output || encoder.partial())
    return encode();
  const ForwardPass pass(args, *batch.output, shape_, PrefixSite::self);
  const CrossPass cross(args);
  const Encoded encoded{cross, &encoder, cross.encodes() ? encode() : at::Tensor()};
  return decoder_.forward(embed(decoder_table_, *batch.output, args.conditioning), pass, &encoded);
}

at::Tensor Bart::project(const ProjectArgs& args) const {
  return project_untransformed(output_table_, final_logits_bias_, args, shape_.family);
}

} // namespace cuecard::bart
