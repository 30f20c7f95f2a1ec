#include "toy_backbone.hpp"

#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/attention/windows.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/register.hpp>

namespace toy {

using cuecard::OutputRequest;

cuecard::BackboneShape ToyBackbone::describe(const cuecard::Configuration& c) {
  cuecard::BackboneShape shape;
  shape.family = "toy-backbone";
  shape.layers = c.integer("num_hidden_layers", 1, 1024);
  shape.hidden = shape.embedding_width = c.integer("hidden_size", 1, 1 << 20);
  shape.heads = c.integer("num_attention_heads", 1, 4096);
  shape.kv_heads = 1;
  shape.head_dim = shape.hidden / shape.heads;
  if (shape.hidden % shape.heads != 0 || shape.head_dim % 2 != 0)
    throw cuecard::DataError(c.origin() + ": hidden_size is " + std::to_string(shape.hidden) +
                             "; expected an even multiple of num_attention_heads, " +
                             std::to_string(shape.heads) + ".");
  shape.vocabulary = c.integer("vocab_size", 1, 1 << 24);
  shape.max_positions = c.integer("max_position_embeddings", 1, 1 << 24);
  shape.causal = shape.has_lm_head = true;
  // The attention that prefixes may precede; a prefix has one head of keys and values, too.
  shape.sites = {{cuecard::PrefixSite::self, shape.layers, shape.kv_heads, shape.head_dim}};
  if (c.has("sliding_window"))
    shape.windows = cuecard::windows_in(
        cuecard::sliding_layers(c, shape.layers, [](int64_t layer) { return layer % 2 == 1; }),
        c.integer("sliding_window", 1, 1 << 24));
  return shape;
}

// `take_linear` declares each layer, so that cards can update it (LoRA); all weights are used without copies.
ToyBackbone::ToyBackbone(const cuecard::BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), rope_(arguments.configuration, shape_.head_dim) {
  const cuecard::Configuration& c = arguments.configuration;
  const cuecard::Weights& source = arguments.weights;
  const int64_t hidden = shape_.hidden, inner = c.integer_or("intermediate_size", 4 * hidden, 1, 1 << 24);
  const double epsilon = c.number_or("layer_norm_eps", 1e-6);
  const auto take_norm = [&](const std::string& name) {
    return cuecard::LayerNorm{take(source, name + ".weight", {hidden}), at::Tensor(), epsilon};
  };
  const at::Tensor words = take_matrix(source, "words.weight", {shape_.vocabulary, hidden});
  set_tables(source, "words.weight", words, words);
  for (int64_t i = 0; i < shape_.layers; ++i) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    const auto linear = [&](const char* name, int64_t out, int64_t in) {
      return take_linear(source, layer + name, out, in, /*bias=*/false);
    };
    layers_.push_back({take_norm(layer + "norm"), linear("query", hidden, hidden),
                       linear("key", shape_.head_dim, hidden), linear("value", shape_.head_dim, hidden),
                       linear("output", hidden, hidden), linear("gate", inner, hidden),
                       linear("up", inner, hidden), linear("down", hidden, inner)});
  }
  final_norm_ = take_norm("norm");
}

// Every linear layer runs through the pass, which adds the updates of each card to the tokens of that card; with `last`, its rows
// are the selected tokens.
at::Tensor ToyBackbone::run(int64_t index, const at::Tensor& x, const cuecard::RotaryAngles& angles,
                            const cuecard::ForwardPass& pass) const {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const bool last = index + 1 == shape_.layers && pass.selects_tokens();
  const auto selected = [&](const at::Tensor& rows) {
    return last ? rows.index_select(0, pass.selected_tokens()) : rows;
  };
  const auto heads = [&](const at::Tensor& rows) { // [T, H * D] to [T, H, D]
    return rows.view({rows.size(0), -1, shape_.head_dim});
  };
  const at::Tensor normed = layer.norm(x), own = selected(normed);
  const at::Tensor query = cuecard::rotate(heads(pass.linear(layer.query, own, last)),
                                           {selected(angles.cosine), selected(angles.sine)});
  const at::Tensor key = cuecard::rotate(heads(pass.linear(layer.key, normed)), angles);
  const at::Tensor value = heads(pass.linear(layer.value, normed));
  // The sources are these keys and values, those of cached tokens, and those of prefixes; the layout determines which keys each
  // query attends to.
  const at::Tensor mixed =
      cuecard::attention(query, pass.sources(index, key, value), last ? pass.last_layout() : pass.layout(index),
                         1.0 / std::sqrt(static_cast<double>(shape_.head_dim)));
  const at::Tensor attended = pass.linear(layer.output, mixed.reshape(own.sizes()), last);
  const at::Tensor raised =
      cuecard::silu_gate(pass.linear(layer.gate, own, last), pass.linear(layer.up, own, last));
  return selected(x) + attended + pass.linear(layer.down, raised, last);
}

at::Tensor ToyBackbone::forward(const cuecard::ForwardArgs& args) const {
  const cuecard::Side& side = args.batch.input;
  const cuecard::ForwardPass pass(args, side, shape_, cuecard::PrefixSite::self);
  const cuecard::RotaryAngles angles = rope_.angles(pass, side, input_table_.scalar_type());
  at::Tensor x = cuecard::embed_tokens(input_table_, side, args.conditioning);
  for (int64_t i = 0; i < pass.layers(shape_.layers); ++i)
    x = run(i, pass.enter(i, x), angles, pass);
  return pass.partial() ? x : final_norm_(x);
}

at::Tensor ToyBackbone::project(const cuecard::ProjectArgs& args) const {
  const OutputRequest::Kind kind = args.request.kind;
  if (kind == OutputRequest::Kind::hidden_states || kind == OutputRequest::Kind::transformed_states)
    return args.hidden;
  return cuecard::project_to_vocabulary(args.hidden, output_table_, at::Tensor(), args, shape_.family);
}

namespace {

constexpr cuecard_component_v1 components[] = {
    cuecard::backbone<ToyBackbone>("toy-backbone", "A small decoder like PaLM's", "toy-backbone"),
};

} // namespace

} // namespace toy

CUECARD_PLUGIN("toy-backbone", "1.0.0", "Apache-2.0", "", toy::components)
