#include "t5.hpp"

#include <cmath>
#include <tuple>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>

namespace cuecard::t5 {

namespace {

/// Renames keys that transformers also reads under other families' names to T5's own.
Configuration own_spelling(const Configuration& c) {
  return c.renamed({{"hidden_size", "d_model"},
                    {"num_attention_heads", "num_heads"},
                    {"num_hidden_layers", "num_layers"},
                    {"head_dim", "d_kv"}});
}

/// Values for keys that config.json lacks.
struct Defaults {
  int64_t layers, heads, intermediate, vocabulary;
  const char* feed_forward;
};

constexpr Defaults t5_defaults{6, 8, 2048, 32128, "relu"}, mt5_defaults{8, 6, 1024, 250112, "gated-gelu"};

const Defaults& defaults_of(const Configuration& c) {
  return c.text_or("model_type", "t5") == "t5" ? t5_defaults : mt5_defaults;
}

/// The activation in `feed_forward_proj`, and whether it is gated; or the two keys that transformers 5 writes beside it and prefers.
std::pair<Activation, bool> feed_forward_of(const Configuration& c) {
  const std::string whole = c.text_or("feed_forward_proj", defaults_of(c).feed_forward);
  const bool gated = whole.rfind("gated-", 0) == 0;
  // transformers reads "gated-gelu" as the tanh approximation, for the files of T5 1.1.
  const std::string name =
      c.text_or("dense_act_fn", whole == "gated-gelu" ? "gelu_new" : whole.substr(gated ? 6 : 0));
  const std::optional<Activation> activation = activation_named(name);
  if (!activation && c.has("dense_act_fn"))
    throw DataError(c.origin() + ": dense_act_fn is \"" + name + "\"; known are " + activation_names() + ".");
  if (!activation)
    throw DataError(c.origin() + ": feed_forward_proj is \"" + whole + "\"; known are " + activation_names() +
                    ", each also with the prefix \"gated-\".");
  return {*activation, c.boolean_or("is_gated_act", gated)};
}

/// Attention of `states` over the sources, projected back to the hidden size. T5 does not scale attention scores.
at::Tensor attend(const T5Configuration& c, const T5Attention& attention, const at::Tensor& states,
                  const ForwardPass& pass, bool selected, const std::vector<KeyValues>& sources,
                  const AttentionLayout& layout, const RelativeBias* bias) {
  const at::Tensor query =
      pass.linear(attention.query, states, selected).view({states.size(0), c.heads, c.head_dim});
  const at::Tensor mixed = cuecard::attention(query, sources, layout, {1.0, bias});
  return pass.linear(attention.output, mixed.reshape({mixed.size(0), c.heads * c.head_dim}), selected);
}

KeyValues keys_and_values(const T5Configuration& c, const T5Attention& attention, const at::Tensor& states,
                          const ForwardPass& pass) {
  return {pass.linear(attention.key, states).view({states.size(0), c.heads, c.head_dim}),
          pass.linear(attention.value, states).view({states.size(0), c.heads, c.head_dim})};
}

} // namespace

T5Configuration::T5Configuration(const Configuration& c)
    : encoder_layers(c.integer_or("num_layers", defaults_of(c).layers, 1, 1024)),
      decoder_layers(c.integer_or("num_decoder_layers", encoder_layers, 1, 1024)),
      hidden(c.integer_or("d_model", 512, 1, 1 << 20)),
      heads(c.integer_or("num_heads", defaults_of(c).heads, 1, 4096)),
      head_dim(c.integer_or("d_kv", 64, 1, 4096)),
      intermediate(c.integer_or("d_ff", defaults_of(c).intermediate, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", defaults_of(c).vocabulary, 1, 1 << 24)),
      buckets(c.integer_or("relative_attention_num_buckets", 32, 4, 1 << 16)),
      max_distance(c.integer_or("relative_attention_max_distance", 128, 2, 1 << 24)),
      decoder_start(c.integer_or("decoder_start_token_id", c.integer_or("pad_token_id", 0))),
      norm_epsilon(c.number_or("layer_norm_epsilon", 1e-6)) {
  std::tie(activation, gated) = feed_forward_of(c);
  if (max_distance <= buckets / 2)
    throw DataError(c.origin() + ": relative_attention_max_distance is " + std::to_string(max_distance) +
                    "; with " + std::to_string(buckets) + " buckets it must be more than " +
                    std::to_string(buckets / 2) + ".");
  const std::string type = c.text_or("model_type", "t5");
  bias_in_every_layer = type == "umt5";
  // T5: explicit in files of transformers 5; with older files, tied models scale and untied ones don't. mT5 never scales; umT5,
  // which is tied whatever its files say, always does.
  scales_before_scores =
      type == "umt5" ||
      (type != "mt5" && c.boolean_or("scale_decoder_outputs", c.boolean_or("tie_word_embeddings", true)));
}

at::Tensor T5FeedForward::forward(const T5Configuration& c, const at::Tensor& x, const ForwardPass& pass,
                                  bool selected) const {
  const at::Tensor inner = rms_norm(x, norm, c.norm_epsilon);
  const at::Tensor raised = activate(c.activation, pass.linear(up, inner, selected));
  return x + pass.linear(down, c.gated ? raised * pass.linear(gate, inner, selected) : raised, selected);
}

at::Tensor T5Stack::forward(const T5Configuration& c, at::Tensor x, const ForwardPass& pass,
                            const Encoded* encoded) const {
  const int64_t count = pass.layers(static_cast<int64_t>(layers.size()));
  for (int64_t l = 0; l < count; ++l) {
    const T5Layer& layer = layers[static_cast<std::size_t>(l)];
    const bool last = l + 1 == count && pass.selects_tokens();
    const auto selected = [&](const at::Tensor& states) {
      return last ? states.index_select(0, pass.selected_tokens()) : states;
    };
    x = pass.enter(l, x);
    const at::Tensor normed = rms_norm(x, layer.self.norm, c.norm_epsilon);
    const KeyValues own = keys_and_values(c, layer.self, normed, pass);
    x = selected(x) + attend(c, layer.self, selected(normed), pass, last, pass.sources(l, own.key, own.value),
                             last ? pass.last_layout() : pass.layout(l),
                             &biases[static_cast<std::size_t>(l) % biases.size()]);
    if (encoded) {
      const auto project = [&] { return keys_and_values(c, layer.cross, encoded->states, *encoded->encoder); };
      x = x + attend(c, layer.cross, rms_norm(x, layer.cross.norm, c.norm_epsilon), pass, last,
                     encoded->pass.sources(l, project),
                     last ? encoded->pass.last_layout() : encoded->pass.layout(), nullptr);
    }
    x = layer.feed_forward.forward(c, x, pass, last);
  }
  return pass.partial() ? x : rms_norm(x, final_norm, c.norm_epsilon);
}

BackboneShape T5::describe(const Configuration& configuration) {
  const T5Configuration c(own_spelling(configuration));
  BackboneShape shape;
  shape.family = "t5";
  shape.layers = c.decoder_layers;
  shape.hidden = shape.embedding_width = c.hidden;
  shape.heads = shape.kv_heads = c.heads;
  shape.head_dim = c.head_dim;
  shape.vocabulary = c.vocabulary;
  shape.encoder_decoder = true;
  shape.decoder_start = c.decoder_start;
  shape.has_lm_head = true;
  shape.sites = {{PrefixSite::self, c.decoder_layers, c.heads, c.head_dim},
                 {PrefixSite::encoder, c.encoder_layers, c.heads, c.head_dim},
                 {PrefixSite::cross, c.decoder_layers, c.heads, c.head_dim}};
  return shape;
}

T5::T5(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(own_spelling(arguments.configuration)) {
  const T5Configuration& c = configuration_;
  const Weights& source = arguments.weights;
  // The prefix is "transformer." if the model was saved with a classification head.
  const std::string model = prefix_in(source, {"", "transformer."}, "encoder.final_layer_norm.weight");
  const std::string words = model + "shared.weight";
  // Tied whatever the configuration says: its flag only decides whether to scale before the head.
  const auto tables = take_tied(
      source,
      {words, model + "encoder.embed_tokens.weight", model + "decoder.embed_tokens.weight", "lm_head.weight"},
      {c.vocabulary, c.hidden}, true);
  set_tables(source, words, tables[1], tables[3]);
  decoder_table_ = tables[2];
  encoder_ = take_stack(source, model + "encoder", c.encoder_layers, false);
  decoder_ = take_stack(source, model + "decoder", c.decoder_layers, true);
}

T5Stack T5::take_stack(const Weights& source, const std::string& name, int64_t layers, bool decoder) {
  const T5Configuration& c = configuration_;
  const auto map = [&](const std::string& layer, int64_t out, int64_t in) {
    return take_linear(source, layer, out, in, false);
  };
  const auto take_attention = [&](const std::string& at, const std::string& kind) {
    const int64_t width = c.heads * c.head_dim;
    return T5Attention{take(source, at + "layer_norm.weight", {c.hidden}),
                       map(at + kind + ".q", width, c.hidden), map(at + kind + ".k", width, c.hidden),
                       map(at + kind + ".v", width, c.hidden), map(at + kind + ".o", c.hidden, width)};
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
    feed_forward.norm = take(source, last + "layer_norm.weight", {c.hidden});
    feed_forward.up =
        map(last + (c.gated ? "DenseReluDense.wi_0" : "DenseReluDense.wi"), c.intermediate, c.hidden);
    if (c.gated)
      feed_forward.gate = map(last + "DenseReluDense.wi_1", c.intermediate, c.hidden);
    feed_forward.down = map(last + "DenseReluDense.wo", c.hidden, c.intermediate);
    stack.layers.push_back(layer);
  }
  for (int64_t l = 0; l < (c.bias_in_every_layer ? layers : 1); ++l)
    stack.biases.push_back(
        {take(source,
              name + ".block." + std::to_string(l) + ".layer.0.SelfAttention.relative_attention_bias.weight",
              {c.buckets, c.heads}),
         !decoder, c.max_distance});
  stack.final_norm = take(source, name + ".final_layer_norm.weight", {c.hidden});
  return stack;
}

at::Tensor T5::forward(const ForwardArgs& args) const {
  const Batch& batch = args.batch;
  const ForwardPass encoder(args, batch.input, shape_, PrefixSite::encoder);
  const auto encode = [&] {
    return encoder_.forward(configuration_, embed_tokens(input_table_, batch.input, args.conditioning), encoder,
                            nullptr);
  };
  if (!batch.output || encoder.partial())
    return encode();
  const ForwardPass pass(args, *batch.output, shape_, PrefixSite::self);
  const CrossPass cross(args);
  const Encoded encoded{cross, &encoder, cross.encodes() ? encode() : at::Tensor()};
  return decoder_.forward(configuration_, embed_tokens(decoder_table_, *batch.output, args.conditioning), pass,
                          &encoded);
}

at::Tensor T5::project(const ProjectArgs& args) const {
  if (args.request.kind == OutputRequest::Kind::hidden_states)
    return args.hidden;
  const at::Tensor states = configuration_.scales_before_scores
                                ? args.hidden * std::pow(static_cast<double>(configuration_.hidden), -0.5)
                                : args.hidden;
  return args.request.kind == OutputRequest::Kind::transformed_states
             ? states
             : project_to_vocabulary(states, output_table_, at::Tensor(), args, shape_.family);
}

} // namespace cuecard::t5
