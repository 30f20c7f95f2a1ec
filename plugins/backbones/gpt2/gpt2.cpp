#include "gpt2.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard::gpt2 {

namespace {

/// With GPT-2's names for keys that transformers also reads under other families' names.
Configuration own_spelling(const Configuration& c) {
  return c.renamed({{"hidden_size", "n_embd"},
                    {"max_position_embeddings", "n_positions"},
                    {"num_attention_heads", "n_head"},
                    {"num_hidden_layers", "n_layer"}});
}

} // namespace

Gpt2Configuration::Gpt2Configuration(const Configuration& c)
    : layers(c.integer_or("n_layer", 12, 1, 1024)), hidden(c.integer_or("n_embd", 768, 1, 1 << 20)),
      heads(c.integer_or("n_head", 12, 1, 4096)), intermediate(c.integer_or("n_inner", 4 * hidden, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", 50257, 1, 1 << 24)),
      max_positions(c.integer_or("n_positions", 1024, 1, 1 << 24)),
      norm_epsilon(c.number_or("layer_norm_epsilon", 1e-5)),
      activation(activation_of(c, "activation_function", "gelu_new")),
      tied(c.boolean_or("tie_word_embeddings", true)), scaled(c.boolean_or("scale_attn_weights", true)),
      scaled_by_layer(c.boolean_or("scale_attn_by_inverse_layer_idx", false)) {
  check_heads(c, hidden, heads, "n_embd", "n_head");
  if (c.boolean_or("add_cross_attention", false))
    throw DataError(c.origin() + ": add_cross_attention is true; this backbone is a decoder alone, so it must "
                                 "be false.");
}

at::Tensor Gpt2Layer::forward(const Gpt2Configuration& c, int64_t index, const at::Tensor& x,
                              const ForwardPass& pass) const {
  const bool last = index + 1 == c.layers && pass.selects_tokens();
  const auto selected = [&](const at::Tensor& states) {
    return last ? states.index_select(0, pass.selected_tokens()) : states;
  };
  const int64_t head_dim = c.hidden / c.heads;
  const auto heads_of = [&](const at::Tensor& states) {
    return states.view({states.size(0), c.heads, head_dim});
  };

  const at::Tensor all = pass.linear(query_key_value, attention_norm(x));
  const at::Tensor q = heads_of(selected(all.narrow(1, 0, c.hidden)));
  const at::Tensor k = heads_of(all.narrow(1, c.hidden, c.hidden));
  const at::Tensor v = heads_of(all.narrow(1, 2 * c.hidden, c.hidden));
  double scale = c.scaled ? 1.0 / std::sqrt(static_cast<double>(head_dim)) : 1.0;
  if (c.scaled_by_layer)
    scale /= static_cast<double>(index + 1);
  const at::Tensor mixed =
      attention(q, pass.sources(index, k, v), last ? pass.last_layout() : pass.layout(index), scale);
  const at::Tensor attended = selected(x) + pass.linear(output, mixed.reshape({mixed.size(0), c.hidden}), last);
  const at::Tensor inner = activate(c.activation, pass.linear(up, feed_forward_norm(attended), last));
  return attended + pass.linear(down, inner, last);
}

BackboneShape Gpt2::describe(const Configuration& configuration) {
  const Gpt2Configuration c(own_spelling(configuration));
  return causal_shape("gpt2", {c.layers, c.hidden, c.heads, c.vocabulary, c.max_positions});
}

Gpt2::Gpt2(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(own_spelling(arguments.configuration)) {
  const Gpt2Configuration& c = configuration_;
  const Weights& source = arguments.weights;
  // The first checkpoints were saved without a head, so their names have no prefix.
  const std::string stack = prefix_in(source, {"transformer.", ""}, "ln_f.weight");
  const auto take_norm = [&](const std::string& name) {
    return take_layer_norm(source, name, c.hidden, c.norm_epsilon);
  };
  // GPT-2's files hold the weights transposed: transformers' Conv1D computes x W + b.
  const auto take_conv = [&](const std::string& name, int64_t in, int64_t out) {
    const Linear layer{transposed(take_matrix(source, name + ".weight", {in, out})),
                       take(source, name + ".bias", {out}), name + ".weight"};
    declare(layer);
    return layer;
  };
  const std::string words = stack + "wte.weight";
  const auto tables = take_tied(source, {words, "lm_head.weight"}, {c.vocabulary, c.hidden}, c.tied);
  set_tables(source, words, tables[0], tables[1]);
  positions_ = take(source, stack + "wpe.weight", {c.max_positions, c.hidden});
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = stack + "h." + std::to_string(l) + ".";
    Gpt2Layer layer;
    layer.attention_norm = take_norm(at + "ln_1");
    layer.query_key_value = take_conv(at + "attn.c_attn", c.hidden, 3 * c.hidden);
    layer.output = take_conv(at + "attn.c_proj", c.hidden, c.hidden);
    layer.feed_forward_norm = take_norm(at + "ln_2");
    layer.up = take_conv(at + "mlp.c_fc", c.hidden, c.intermediate);
    layer.down = take_conv(at + "mlp.c_proj", c.intermediate, c.hidden);
    layers_.push_back(layer);
  }
  norm_ = take_norm(stack + "ln_f");
}

at::Tensor Gpt2::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  at::Tensor x =
      embed_tokens(input_table_, side, args.conditioning) + positions_.index_select(0, pass.positions());
  for (int64_t l = 0; l < pass.layers(configuration_.layers); ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(configuration_, l, pass.enter(l, x), pass);
  return pass.partial() ? x : norm_(x);
}

at::Tensor Gpt2::project(const ProjectArgs& args) const {
  return project_untransformed(output_table_, at::Tensor(), args, shape_.family);
}

} // namespace cuecard::gpt2
