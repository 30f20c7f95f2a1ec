#include "gpt_neox.hpp"

#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>

namespace cuecard::gpt_neox {

namespace {

/// At the top level the base and the rotated part have names of their own; transformers ignores the usual ones there.
Rope rope_of(const Configuration& c, int64_t head_dim) {
  Configuration own(c.origin());
  for (const auto& [key, value] : c.values())
    if (key != "rope_theta" && key != "partial_rotary_factor")
      own.set(key, value);
  return {own.renamed({{"rotary_pct", "partial_rotary_factor"}, {"rotary_emb_base", "rope_theta"}}),
          head_dim,
          {.partial = true, .part = 0.25}};
}

} // namespace

GptNeoxConfiguration::GptNeoxConfiguration(const Configuration& c)
    : layers(c.integer_or("num_hidden_layers", 44, 1, 1024)),
      hidden(c.integer_or("hidden_size", 6144, 1, 1 << 20)),
      heads(c.integer_or("num_attention_heads", 64, 1, 4096)),
      intermediate(c.integer_or("intermediate_size", 24576, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", 50432, 1, 1 << 24)),
      norm_epsilon(c.number_or("layer_norm_eps", 1e-5)), activation(activation_of(c, "hidden_act", "gelu")),
      tied(c.boolean_or("tie_word_embeddings", false)), parallel(c.boolean_or("use_parallel_residual", true)),
      attention_bias(c.boolean_or("attention_bias", true)), rope(rope_of(c, hidden / heads)),
      max_positions(rope.longest(c.integer_or("max_position_embeddings", 2048))) {
  check_heads(c, hidden, heads);
}

at::Tensor GptNeoxLayer::forward(const GptNeoxConfiguration& c, int64_t index, const at::Tensor& x,
                                 const RotaryAngles& angles, const ForwardPass& pass) const {
  const bool last = index + 1 == c.layers && pass.selects_tokens();
  const auto selected = [&](const at::Tensor& states) {
    return last ? states.index_select(0, pass.selected_tokens()) : states;
  };
  const int64_t head_dim = c.hidden / c.heads;
  const at::Tensor all =
      pass.linear(query_key_value, attention_norm(x)).view({x.size(0), c.heads, 3 * head_dim});
  const at::Tensor q = rotate(selected(all.narrow(2, 0, head_dim)),
                              last ? RotaryAngles{selected(angles.cosine), selected(angles.sine)} : angles);
  const at::Tensor k = rotate(all.narrow(2, head_dim, head_dim), angles);
  const at::Tensor v = all.narrow(2, 2 * head_dim, head_dim).contiguous();
  const at::Tensor mixed =
      attention(q, pass.sources(index, k, v), last ? pass.last_layout() : pass.layout(index),
                1.0 / std::sqrt(static_cast<double>(head_dim)));
  const at::Tensor residual = selected(x);
  const at::Tensor attended = residual + pass.linear(output, mixed.reshape({mixed.size(0), c.hidden}), last);
  const at::Tensor normed = feed_forward_norm(c.parallel ? residual : attended);
  return attended + pass.linear(down, activate(c.activation, pass.linear(up, normed, last)), last);
}

BackboneShape GptNeox::describe(const Configuration& configuration) {
  const GptNeoxConfiguration c(configuration);
  return causal_shape("gpt-neox", {c.layers, c.hidden, c.heads, c.vocabulary, c.max_positions});
}

GptNeox::GptNeox(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(arguments.configuration) {
  const GptNeoxConfiguration& c = configuration_;
  const Weights& source = arguments.weights;
  const std::string stack = prefix_in(source, {"gpt_neox.", ""}, "final_layer_norm.weight");
  const auto take_norm = [&](const std::string& name) {
    return take_layer_norm(source, name, c.hidden, c.norm_epsilon);
  };
  const std::string words = stack + "embed_in.weight",
                    head = prefix_in(source, {"embed_out", "lm_head"}, ".weight");
  const auto tables = take_tied(source, {words, head + ".weight"}, {c.vocabulary, c.hidden}, c.tied);
  set_tables(source, words, tables[0], tables[1]);
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = stack + "layers." + std::to_string(l) + ".";
    GptNeoxLayer layer;
    layer.attention_norm = take_norm(at + "input_layernorm");
    layer.feed_forward_norm = take_norm(at + "post_attention_layernorm");
    layer.query_key_value =
        take_linear(source, at + "attention.query_key_value", 3 * c.hidden, c.hidden, c.attention_bias);
    layer.output = take_linear(source, at + "attention.dense", c.hidden, c.hidden, c.attention_bias);
    layer.up = take_linear(source, at + "mlp.dense_h_to_4h", c.intermediate, c.hidden, true);
    layer.down = take_linear(source, at + "mlp.dense_4h_to_h", c.hidden, c.intermediate, true);
    layers_.push_back(layer);
  }
  norm_ = take_norm(stack + "final_layer_norm");
}

at::Tensor GptNeox::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  const RotaryAngles angles = configuration_.rope.angles(pass, side, input_table_.scalar_type());
  at::Tensor x = embed_tokens(input_table_, side, args.conditioning);
  for (int64_t l = 0; l < pass.layers(configuration_.layers); ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(configuration_, l, pass.enter(l, x), angles, pass);
  return pass.partial() ? x : norm_(x);
}

at::Tensor GptNeox::project(const ProjectArgs& args) const {
  return project_untransformed(output_table_, at::Tensor(), args, shape_.family);
}

} // namespace cuecard::gpt_neox
