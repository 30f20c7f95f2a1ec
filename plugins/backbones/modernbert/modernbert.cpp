#include "modernbert.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/attention/windows.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>

namespace cuecard::modernbert {

namespace {

/// Checks that it is even, because rotary positions rotate pairs of elements.
int64_t head_dim_of(const Configuration& c, int64_t hidden, int64_t heads) {
  if (hidden % (2 * heads) != 0)
    throw DataError(c.origin() + ": hidden_size is " + std::to_string(hidden) +
                    "; expected num_attention_heads " + std::to_string(heads) + " times an even number.");
  return hidden / heads;
}

/// The whole width of a local layer's window. `sliding_window` is half of it and takes precedence, as in transformers.
int64_t window_of(const Configuration& c) {
  return c.has("sliding_window") ? 2 * c.integer("sliding_window", 1, 1 << 23)
                                 : c.integer_or("local_attention", 128, 1, 1 << 24);
}

/// The first or the second half of the columns.
at::Tensor half(const at::Tensor& both, int64_t which) {
  const int64_t width = both.size(1) / 2;
  return both.narrow(1, which * width, width);
}

} // namespace

ModernBertConfiguration::ModernBertConfiguration(const Configuration& c)
    : layers(c.integer_or("num_hidden_layers", 22, 1, 1024)),
      hidden(c.integer_or("hidden_size", 768, 1, 1 << 20)),
      heads(c.integer_or("num_attention_heads", 12, 1, 4096)), head_dim(head_dim_of(c, hidden, heads)),
      intermediate(c.integer_or("intermediate_size", 1152, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", 50368, 1, 1 << 24)),
      max_positions(c.integer_or("max_position_embeddings", 8192, 1, 1 << 24)),
      norm_epsilon(c.number_or("norm_eps", 1e-5)), activation(activation_of(c, "hidden_activation", "gelu")),
      head_activation(activation_of(c, "classifier_activation", "gelu")),
      norm_bias(c.boolean_or("norm_bias", false)), attention_bias(c.boolean_or("attention_bias", false)),
      feed_forward_bias(c.boolean_or("mlp_bias", false)), head_bias(c.boolean_or("classifier_bias", false)),
      decoder_bias(c.boolean_or("decoder_bias", true)), tied(c.boolean_or("tie_word_embeddings", true)),
      local(sliding_layers(
          c, layers,
          [&](int64_t l) { return l % c.integer_or("global_attn_every_n_layers", 3, 1, 1024) != 0; })),
      window(window_of(c)),
      global_rope(c, head_dim,
                  {.theta = c.number_or("global_rope_theta", 160000.0), .layers = "full_attention"}),
      local_rope(c, head_dim,
                 {.theta = c.number_or("local_rope_theta", 10000.0), .layers = "sliding_attention"}) {}

BackboneShape ModernBert::describe(const Configuration& configuration) {
  const ModernBertConfiguration c(configuration);
  BackboneShape shape = encoder_shape(
      "modernbert", {c.layers, c.hidden, c.heads, c.vocabulary, c.global_rope.longest(c.max_positions)});
  shape.windows = windows_in(c.local, c.window);
  return shape;
}

ModernBert::ModernBert(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(arguments.configuration) {
  const ModernBertConfiguration& c = configuration_;
  const Weights& source = arguments.weights;
  const std::string model = prefix_in(source, {"model.", ""}, "final_norm.weight");
  const std::string words = model + "embeddings.tok_embeddings.weight";
  // A classifier has a transform of the same name, and no decoder.
  const bool headed = source.has("head.dense.weight") &&
                      (c.decoder_bias ? source.has("decoder.bias") : !source.has("classifier.weight"));
  const std::vector<at::Tensor> tables = take_tied(
      source, headed ? std::vector<std::string>{words, "decoder.weight"} : std::vector<std::string>{words},
      {c.vocabulary, c.hidden}, c.tied);
  set_tables(source, words, tables.front(), headed ? tables.back() : at::Tensor());
  embedding_norm_ = take_norm(source, model + "embeddings.norm");
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = model + "layers." + std::to_string(l) + ".";
    ModernBertLayer layer;
    if (l > 0)
      layer.attention_norm = take_norm(source, at + "attn_norm");
    layer.qkv = take_linear(source, at + "attn.Wqkv", 3 * c.hidden, c.hidden, c.attention_bias);
    layer.output = take_linear(source, at + "attn.Wo", c.hidden, c.hidden, c.attention_bias);
    layer.feed_forward_norm = take_norm(source, at + "mlp_norm");
    layer.up_gate = take_linear(source, at + "mlp.Wi", 2 * c.intermediate, c.hidden, c.feed_forward_bias);
    layer.down = take_linear(source, at + "mlp.Wo", c.hidden, c.intermediate, c.feed_forward_bias);
    layers_.push_back(layer);
  }
  final_norm_ = take_norm(source, model + "final_norm");
  if (!output_table_.defined())
    return;
  transform_ = {take(source, "head.dense.weight", {c.hidden, c.hidden}),
                c.head_bias ? take(source, "head.dense.bias", {c.hidden}) : at::Tensor()};
  transform_norm_ = take_norm(source, "head.norm");
  if (c.decoder_bias)
    decoder_bias_ = take(source, "decoder.bias", {c.vocabulary});
}

LayerNorm ModernBert::take_norm(const Weights& source, const std::string& name) {
  return {take(source, name + ".weight", {shape_.hidden}),
          configuration_.norm_bias ? take(source, name + ".bias", {shape_.hidden}) : at::Tensor(),
          configuration_.norm_epsilon};
}

at::Tensor ModernBert::run_layer(int64_t index, const at::Tensor& x, const RotaryAngles& angles,
                                 const ForwardPass& pass) const {
  const ModernBertLayer& layer = layers_[static_cast<std::size_t>(index)];
  const bool last = index + 1 == shape_.layers && pass.selects_tokens();
  const auto selected = [&](const at::Tensor& states) {
    return last ? states.index_select(0, pass.selected_tokens()) : states;
  };
  const at::Tensor normed = layer.attention_norm.weight.defined() ? layer.attention_norm(x) : x;
  const std::vector<at::Tensor> qkv =
      pass.linear(layer.qkv, normed).view({x.size(0), 3, shape_.heads, shape_.head_dim}).unbind(1);
  const at::Tensor mixed = attention(
      selected(rotate(qkv[0], angles)), pass.sources(index, rotate(qkv[1], angles), qkv[2]),
      last ? pass.last_layout() : pass.layout(index), 1.0 / std::sqrt(static_cast<double>(shape_.head_dim)));
  const at::Tensor attended =
      selected(x) + pass.linear(layer.output, mixed.reshape({mixed.size(0), shape_.hidden}), last);
  const at::Tensor both = pass.linear(layer.up_gate, layer.feed_forward_norm(attended), last);
  return attended +
         pass.linear(layer.down, activate(configuration_.activation, half(both, 0)) * half(both, 1), last);
}

at::Tensor ModernBert::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  at::Tensor x = embedding_norm_(embed_tokens(input_table_, side, args.conditioning));
  const RotaryAngles global = configuration_.global_rope.angles(pass, side, x.scalar_type()),
                     local = configuration_.local_rope.angles(pass, side, x.scalar_type());
  for (int64_t l = 0; l < pass.layers(shape_.layers); ++l)
    x = run_layer(l, pass.enter(l, x), configuration_.local[static_cast<std::size_t>(l)] ? local : global,
                  pass);
  return pass.partial() ? x : final_norm_(x);
}

at::Tensor ModernBert::project(const ProjectArgs& args) const {
  if (args.request.kind == OutputRequest::Kind::hidden_states)
    return args.hidden;
  if (args.request.kind == OutputRequest::Kind::pooled)
    throw Error("ModernBERT has no pooler; use a verbalizer that reads hidden states.");
  if (!output_table_.defined())
    throw Error("this ModernBERT checkpoint has no masked-LM head, so no words "
                "can be scored with it; use a "
                "checkpoint for masked language modelling, or a verbalizer "
                "that reads hidden states.");
  const at::Tensor states = transform_norm_(activate(configuration_.head_activation, transform_(args.hidden)));
  return args.request.kind == OutputRequest::Kind::transformed_states
             ? states
             : project_to_vocabulary(states, output_table_, decoder_bias_, args, shape_.family);
}

} // namespace cuecard::modernbert
