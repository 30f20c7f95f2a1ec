#include "my_plugin.hpp"

#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/relu.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/attention/attention.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>

namespace my_plugin {

using cuecard::OutputRequest;

cuecard::BackboneShape MyPlugin::describe(const cuecard::Configuration& configuration) {
  cuecard::BackboneShape shape;
  shape.family = "my-plugin";
  shape.layers = configuration.integer("num_hidden_layers", 1, 1024);
  shape.hidden = shape.embedding_width = configuration.integer("hidden_size", 1, 1 << 20);
  shape.heads = shape.kv_heads = configuration.integer("num_attention_heads", 1, 4096);
  if (shape.hidden % shape.heads != 0)
    throw cuecard::DataError(configuration.origin() + ": hidden_size is " + std::to_string(shape.hidden) +
                             ", which num_attention_heads " + std::to_string(shape.heads) +
                             " does not divide.");
  shape.head_dim = shape.hidden / shape.heads;
  shape.vocabulary = configuration.integer("vocab_size", 1, 1 << 24);
  shape.max_positions = configuration.integer("max_position_embeddings", 1, 1 << 24);
  shape.causal = true;
  shape.has_lm_head = true;
  shape.sites = {{cuecard::PrefixSite::self, shape.layers, shape.kv_heads, shape.head_dim}};
  return shape;
}

MyPlugin::MyPlugin(const cuecard::BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)) {
  const cuecard::Weights& source = arguments.weights;
  const int64_t hidden = shape_.hidden, inner = 4 * hidden;
  const at::Tensor words = take(source, "words.weight", {shape_.vocabulary, hidden});
  set_tables(source, "words.weight", words, words);
  positions_ = take(source, "positions.weight", {shape_.max_positions, hidden});
  for (int64_t i = 0; i < shape_.layers; ++i) {
    const std::string layer = "layers." + std::to_string(i) + ".";
    layers_.push_back({take_linear(source, layer + "query", hidden, hidden, true),
                       take_linear(source, layer + "key", hidden, hidden, true),
                       take_linear(source, layer + "value", hidden, hidden, true),
                       take_linear(source, layer + "output", hidden, hidden, true),
                       take_linear(source, layer + "up", inner, hidden, true),
                       take_linear(source, layer + "down", hidden, inner, true)});
  }
}

at::Tensor MyPlugin::run(int64_t index, const at::Tensor& x, const cuecard::ForwardPass& pass) const {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  // Of the last layer only the selected tokens are needed.
  const bool last = index + 1 == shape_.layers && pass.selects_tokens();
  const auto heads = [this](const at::Tensor& states) {
    return states.view({states.size(0), shape_.heads, shape_.head_dim});
  };
  const at::Tensor own = last ? x.index_select(0, pass.selected_tokens()) : x;
  const at::Tensor query = heads(pass.linear(layer.query, own, last));
  const auto sources =
      pass.sources(index, heads(pass.linear(layer.key, x)), heads(pass.linear(layer.value, x)));
  const at::Tensor mixed = cuecard::attention(query, sources, last ? pass.last_layout() : pass.layout(index),
                                              1.0 / std::sqrt(static_cast<double>(shape_.head_dim)))
                               .reshape({own.size(0), shape_.hidden});
  const at::Tensor attended = own + pass.linear(layer.output, mixed, last);
  return attended + pass.linear(layer.down, at::relu(pass.linear(layer.up, attended, last)), last);
}

at::Tensor MyPlugin::forward(const cuecard::ForwardArgs& args) const {
  const cuecard::Side& side = args.batch.input;
  const cuecard::ForwardPass pass(args, side, shape_, cuecard::PrefixSite::self);
  at::Tensor x = cuecard::embed_tokens(input_table_, side, args.conditioning) +
                 positions_.index_select(0, pass.positions());
  for (int64_t i = 0; i < pass.layers(shape_.layers); ++i)
    x = run(i, pass.enter(i, x), pass);
  return x;
}

at::Tensor MyPlugin::project(const cuecard::ProjectArgs& args) const {
  const OutputRequest::Kind kind = args.request.kind;
  if (kind == OutputRequest::Kind::hidden_states || kind == OutputRequest::Kind::transformed_states)
    return args.hidden;
  return cuecard::project_to_vocabulary(args.hidden, output_table_, at::Tensor(), args, shape_.family);
}

} // namespace my_plugin
