#include "opt.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>

namespace cuecard::opt {

namespace {

/// Row of the position table for a sequence's first token.
constexpr int64_t first_position = 2;

} // namespace

OptConfiguration::OptConfiguration(const Configuration& c)
    : layers(c.integer_or("num_hidden_layers", 12, 1, 1024)),
      hidden(c.integer_or("hidden_size", 768, 1, 1 << 20)),
      heads(c.integer_or("num_attention_heads", 12, 1, 4096)),
      intermediate(c.integer_or("ffn_dim", 3072, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", 50272, 1, 1 << 24)),
      max_positions(c.integer_or("max_position_embeddings", 2048, 1, 1 << 24)),
      embedding_width(c.integer_or("word_embed_proj_dim", hidden, 1, 1 << 20)),
      activation(activation_of(c, "activation_function", "relu")),
      tied(c.boolean_or("tie_word_embeddings", true)), norms_before(c.boolean_or("do_layer_norm_before", true)),
      final_norm(norms_before && !c.boolean_or("_remove_final_layer_norm", false)),
      bias(c.boolean_or("enable_bias", true)),
      norms_learned(c.boolean_or("layer_norm_elementwise_affine", true)) {
  check_heads(c, hidden, heads);
}

at::Tensor OptLayer::forward(const OptConfiguration& c, int64_t index, const at::Tensor& x,
                             const ForwardPass& pass) const {
  const bool last = index + 1 == c.layers && pass.selects_tokens();
  const auto selected = [&](const at::Tensor& states) {
    return last ? states.index_select(0, pass.selected_tokens()) : states;
  };
  const int64_t head_dim = c.hidden / c.heads;
  const auto heads_of = [&](const at::Tensor& states) {
    return states.view({states.size(0), c.heads, head_dim});
  };
  const at::Tensor normed = c.norms_before ? attention_norm(x) : x;
  const at::Tensor q = heads_of(pass.linear(query, selected(normed), last));
  const at::Tensor k = heads_of(pass.linear(key, normed)), v = heads_of(pass.linear(value, normed));
  const at::Tensor mixed =
      attention(q, pass.sources(index, k, v), last ? pass.last_layout() : pass.layout(index),
                1.0 / std::sqrt(static_cast<double>(head_dim)));
  at::Tensor attended = selected(x) + pass.linear(output, mixed.reshape({mixed.size(0), c.hidden}), last);
  if (!c.norms_before)
    attended = attention_norm(attended);
  const at::Tensor inner = c.norms_before ? feed_forward_norm(attended) : attended;
  const at::Tensor fed =
      attended + pass.linear(down, activate(c.activation, pass.linear(up, inner, last)), last);
  return c.norms_before ? fed : feed_forward_norm(fed);
}

BackboneShape Opt::describe(const Configuration& configuration) {
  const OptConfiguration c(configuration);
  return causal_shape("opt", {c.layers, c.hidden, c.heads, c.vocabulary, c.max_positions, c.embedding_width});
}

LayerNorm Opt::take_norm(const Weights& source, const std::string& name) {
  if (configuration_.norms_learned)
    return take_layer_norm(source, name, configuration_.hidden, 1e-5);
  const auto options = input_table_.options();
  return {at::ones({configuration_.hidden}, options), at::zeros({configuration_.hidden}, options), 1e-5};
}

Opt::Opt(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(arguments.configuration) {
  const OptConfiguration& c = configuration_;
  const Weights& source = arguments.weights;
  const std::string stack = prefix_in(source, {"model.decoder.", "decoder.", ""}, "embed_positions.weight");
  const std::string words = stack + "embed_tokens.weight";
  const auto tables = take_tied(source, {words, "lm_head.weight"}, {c.vocabulary, c.embedding_width}, c.tied);
  set_tables(source, words, tables[0], tables[1]);
  positions_ = take(source, stack + "embed_positions.weight", {c.max_positions + first_position, c.hidden});
  if (c.embedding_width != c.hidden) {
    project_in_ = take(source, stack + "project_in.weight", {c.hidden, c.embedding_width});
    project_out_ = take(source, stack + "project_out.weight", {c.embedding_width, c.hidden});
  }
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = stack + "layers." + std::to_string(l) + ".";
    const auto linear = [&](const char* name, int64_t out, int64_t in) {
      return take_linear(source, at + name, out, in, c.bias);
    };
    OptLayer layer;
    layer.attention_norm = take_norm(source, at + "self_attn_layer_norm");
    layer.query = linear("self_attn.q_proj", c.hidden, c.hidden);
    layer.key = linear("self_attn.k_proj", c.hidden, c.hidden);
    layer.value = linear("self_attn.v_proj", c.hidden, c.hidden);
    layer.output = linear("self_attn.out_proj", c.hidden, c.hidden);
    layer.feed_forward_norm = take_norm(source, at + "final_layer_norm");
    layer.up = linear("fc1", c.intermediate, c.hidden);
    layer.down = linear("fc2", c.hidden, c.intermediate);
    layers_.push_back(layer);
  }
  if (c.final_norm)
    norm_ = take_norm(source, stack + "final_layer_norm");
}

at::Tensor Opt::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  const at::Tensor words = embed_tokens(input_table_, side, args.conditioning);
  at::Tensor x = (project_in_.defined() ? cuecard::linear(words, project_in_) : words) +
                 positions_.index_select(0, pass.positions() + first_position);
  for (int64_t l = 0; l < pass.layers(configuration_.layers); ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(configuration_, l, pass.enter(l, x), pass);
  return pass.partial() || !configuration_.final_norm ? x : norm_(x);
}

at::Tensor Opt::project(const ProjectArgs& args) const {
  const OutputRequest::Kind kind = args.request.kind;
  if (kind == OutputRequest::Kind::hidden_states)
    return args.hidden;
  const at::Tensor states = project_out_.defined() ? cuecard::linear(args.hidden, project_out_) : args.hidden;
  if (kind == OutputRequest::Kind::transformed_states)
    return states;
  return project_to_vocabulary(states, output_table_, at::Tensor(), args, shape_.family);
}

} // namespace cuecard::opt
