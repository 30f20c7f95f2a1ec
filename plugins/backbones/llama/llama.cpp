#include "llama.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>

namespace cuecard::llama {

namespace {

/// Whether the configuration, as written by transformers 5, lists a layer with a sliding window.
bool lists_sliding_layer(const Configuration& c) {
  const auto found = c.values().find("layer_types");
  const auto* types =
      found == c.values().end() ? nullptr : std::get_if<std::vector<std::string>>(&found->second);
  return types && std::find(types->begin(), types->end(), "sliding_attention") != types->end();
}

/// Number of tokens that a token attends to, itself included; 0: all. Qwen's files give a window that is not used, and a Mistral file
/// without the key has one, unless it says null, which is read as false here.
int64_t sliding_window(const Configuration& c, const std::string& type, int64_t layers) {
  bool used = c.boolean_or("use_sliding_window", type == "mistral") && type != "llama";
  if (type != "mistral")
    used = used && (c.integer_or("max_window_layers", 28) < layers || lists_sliding_layer(c));
  return used ? c.integer_or("sliding_window", 4096, 1) : 0;
}

/// What a member's models have where config.json lacks a key.
struct Sizes {
  int64_t vocabulary = 32000, intermediate = 11008, kv_heads = 0; ///< 0: as many as heads
  int64_t head_dim = 0;                                           ///< 0: the hidden size / heads
};

Sizes sizes_of(const std::string& type) {
  if (type == "mistral")
    return {.intermediate = 14336, .kv_heads = 8};
  if (type.starts_with("qwen"))
    return {.vocabulary = 151936, .intermediate = 22016, .head_dim = type == "qwen3" ? 128 : 0};
  return {};
}

int64_t longest(int64_t positions, int64_t window) {
  return window == 0 ? positions : positions == 0 ? window : std::min(positions, window);
}

} // namespace

LlamaConfiguration::LlamaConfiguration(const Configuration& c)
    : type(c.text_or("model_type", "llama")), layers(c.integer_or("num_hidden_layers", 32, 1, 1024)),
      hidden(c.integer_or("hidden_size", 4096, 1, 1 << 20)),
      heads(c.integer_or("num_attention_heads", 32, 1, 4096)),
      kv_heads(c.integer_or("num_key_value_heads", sizes_of(type).kv_heads ? sizes_of(type).kv_heads : heads, 1,
                            4096)),
      head_dim(c.integer_or("head_dim", sizes_of(type).head_dim ? sizes_of(type).head_dim : hidden / heads, 2,
                            4096)),
      intermediate(c.integer_or("intermediate_size", sizes_of(type).intermediate, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", sizes_of(type).vocabulary, 1, 1 << 24)),
      max_positions(longest(c.integer_or("max_position_embeddings", 0), sliding_window(c, type, layers))),
      norm_epsilon(c.number_or("rms_norm_eps", 1e-6)), rope(c),
      tied(c.boolean_or("tie_word_embeddings", false)),
      input_bias(type == "qwen2" || (type != "mistral" && c.boolean_or("attention_bias", false))),
      output_bias((type == "llama" || type == "qwen3") && c.boolean_or("attention_bias", false)),
      feed_forward_bias(type == "llama" && c.boolean_or("mlp_bias", false)), head_norms(type == "qwen3") {
  if (heads % kv_heads != 0)
    throw DataError(c.origin() + ": num_attention_heads is " + std::to_string(heads) +
                    ", which num_key_value_heads " + std::to_string(kv_heads) + " does not divide.");
  if (head_dim % 2 != 0)
    throw DataError(c.origin() + ": head_dim is " + std::to_string(head_dim) +
                    "; rotary positions need an even one.");
  const std::string activation = c.text_or("hidden_act", "silu");
  if (activation != "silu")
    throw DataError(c.origin() + ": hidden_act is \"" + activation + "\"; this backbone has \"silu\".");
}

at::Tensor LlamaLayer::forward(const LlamaConfiguration& c, int64_t index, const at::Tensor& x,
                               const RotaryAngles& angles, const ForwardPass& pass) const {
  const bool last = index + 1 == c.layers && pass.selects_tokens();
  const auto selected = [&](const at::Tensor& states) {
    return last ? states.index_select(0, pass.selected_tokens()) : states;
  };
  const auto heads_of = [&](const at::Tensor& states, int64_t count) {
    return states.view({states.size(0), count, c.head_dim});
  };

  const at::Tensor normed = rms_norm(x, input_norm, c.norm_epsilon);
  at::Tensor q = heads_of(pass.linear(query, selected(normed), last), c.heads);
  at::Tensor k = heads_of(pass.linear(key, normed), c.kv_heads);
  const at::Tensor v = heads_of(pass.linear(value, normed), c.kv_heads);
  if (c.head_norms) {
    q = rms_norm(q, query_norm, c.norm_epsilon);
    k = rms_norm(k, key_norm, c.norm_epsilon);
  }
  q = rotate(q, last ? RotaryAngles{selected(angles.cosine), selected(angles.sine)} : angles);
  k = rotate(k, angles);
  const at::Tensor mixed =
      attention(q, pass.sources(index, k, v), last ? pass.last_layout() : pass.layout(index),
                1.0 / std::sqrt(static_cast<double>(c.head_dim)));
  const at::Tensor attended =
      selected(x) + pass.linear(output, mixed.reshape({mixed.size(0), c.heads * c.head_dim}), last);

  const at::Tensor inner = rms_norm(attended, attention_norm, c.norm_epsilon);
  return attended +
         pass.linear(down, silu_gate(pass.linear(gate, inner, last), pass.linear(up, inner, last)), last);
}

BackboneShape Llama::describe(const Configuration& configuration) {
  const LlamaConfiguration c(configuration);
  BackboneShape shape;
  shape.family = "llama";
  shape.layers = c.layers;
  shape.hidden = shape.embedding_width = c.hidden;
  shape.heads = c.heads;
  shape.kv_heads = c.kv_heads;
  shape.head_dim = c.head_dim;
  shape.vocabulary = c.vocabulary;
  shape.max_positions = c.max_positions;
  shape.causal = true;
  shape.has_lm_head = true;
  shape.sites = {{PrefixSite::self, c.layers, c.kv_heads, c.head_dim}};
  return shape;
}

Llama::Llama(const BackboneArguments& arguments)
    : LoadedBackbone(describe(arguments.configuration)), configuration_(arguments.configuration) {
  const LlamaConfiguration& c = configuration_;
  const Weights& source = arguments.weights;
  // LlamaForQuestionAnswering alone has the prefix "transformer.".
  const std::string stack = prefix_in(source, {"model.", "", "transformer."}, "norm.weight");
  const std::string words = stack + "embed_tokens.weight";
  const auto tables = take_tied(source, {words, "lm_head.weight"}, {c.vocabulary, c.hidden}, c.tied);
  set_tables(source, words, tables[0], tables[1]);
  norm_ = take(source, stack + "norm.weight", {c.hidden});
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = stack + "layers." + std::to_string(l) + ".";
    LlamaLayer layer;
    layer.input_norm = take(source, at + "input_layernorm.weight", {c.hidden});
    layer.attention_norm = take(source, at + "post_attention_layernorm.weight", {c.hidden});
    layer.query = take_linear(source, at + "self_attn.q_proj", c.heads * c.head_dim, c.hidden, c.input_bias);
    layer.key = take_linear(source, at + "self_attn.k_proj", c.kv_heads * c.head_dim, c.hidden, c.input_bias);
    layer.value = take_linear(source, at + "self_attn.v_proj", c.kv_heads * c.head_dim, c.hidden, c.input_bias);
    layer.output = take_linear(source, at + "self_attn.o_proj", c.hidden, c.heads * c.head_dim, c.output_bias);
    if (c.head_norms) {
      layer.query_norm = take(source, at + "self_attn.q_norm.weight", {c.head_dim});
      layer.key_norm = take(source, at + "self_attn.k_norm.weight", {c.head_dim});
    }
    layer.gate = take_linear(source, at + "mlp.gate_proj", c.intermediate, c.hidden, c.feed_forward_bias);
    layer.up = take_linear(source, at + "mlp.up_proj", c.intermediate, c.hidden, c.feed_forward_bias);
    layer.down = take_linear(source, at + "mlp.down_proj", c.hidden, c.intermediate, c.feed_forward_bias);
    layers_.push_back(layer);
  }
  inverse_frequencies_ = c.rope.inverse_frequencies(c.head_dim).to(input_table_.device());
}

at::Tensor Llama::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  const RotaryAngles angles = rotary_angles(pass.positions(), inverse_frequencies_, input_table_.scalar_type());
  at::Tensor x = embed_tokens(input_table_, side, args.conditioning);
  for (int64_t l = 0; l < pass.layers(configuration_.layers); ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(configuration_, l, pass.enter(l, x), angles, pass);
  return pass.partial() ? x : rms_norm(x, norm_, configuration_.norm_epsilon);
}

at::Tensor Llama::project(const ProjectArgs& args) const {
  const OutputRequest::Kind kind = args.request.kind;
  if (kind == OutputRequest::Kind::hidden_states || kind == OutputRequest::Kind::transformed_states)
    return args.hidden;
  return project_to_vocabulary(args.hidden, output_table_, at::Tensor(), args, shape_.family);
}

} // namespace cuecard::llama
