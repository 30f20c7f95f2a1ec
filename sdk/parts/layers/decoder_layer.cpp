#include <cuecard/parts/layers/decoder_layer.hpp>

#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

/// activation(gate) * up.
at::Tensor gated(Activation activation, const at::Tensor& gate, const at::Tensor& up) {
  return activation == Activation::silu ? silu_gate(gate, up) : activate(activation, gate) * up;
}

} // namespace

DecoderConfiguration::DecoderConfiguration(const Configuration& c, const DecoderDefaults& defaults)
    : layers(c.integer_or("num_hidden_layers", defaults.layers, 1, 1024)),
      hidden(c.integer_or("hidden_size", defaults.hidden, 1, 1 << 20)),
      heads(c.integer_or("num_attention_heads", defaults.heads, 1, 4096)),
      kv_heads(c.integer_or("num_key_value_heads", defaults.kv_heads ? defaults.kv_heads : heads, 1, 4096)),
      head_dim(c.integer_or("head_dim", defaults.head_dim ? defaults.head_dim : hidden / heads, 2, 4096)),
      intermediate(c.integer_or("intermediate_size", defaults.intermediate, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", defaults.vocabulary, 1, 1 << 24)),
      max_positions(c.integer_or("max_position_embeddings", 0)),
      norm_epsilon(c.number_or("rms_norm_eps", defaults.norm_epsilon)),
      tied(c.boolean_or("tie_word_embeddings", defaults.tied)),
      activation(activation_of(c, defaults.activation_key, defaults.activation)) {
  if (heads % kv_heads != 0)
    throw DataError(c.origin() + ": num_attention_heads is " + std::to_string(heads) +
                    ", which num_key_value_heads " + std::to_string(kv_heads) + " does not divide.");
  if (head_dim % 2 != 0)
    throw DataError(c.origin() + ": head_dim is " + std::to_string(head_dim) +
                    "; rotary positions need an even one.");
}

DecoderFamily::DecoderFamily(std::string family, const DecoderConfiguration& of, const Rope& rope)
    : name(std::move(family)), configuration(of), ropes{rope},
      scores_scale(1.0 / std::sqrt(static_cast<double>(of.head_dim))) {}

BackboneShape DecoderFamily::shape() const {
  const DecoderConfiguration& c = configuration;
  BackboneShape shape;
  shape.family = name;
  shape.layers = c.layers;
  shape.hidden = shape.embedding_width = c.hidden;
  shape.heads = c.heads;
  shape.kv_heads = c.kv_heads;
  shape.head_dim = c.head_dim;
  shape.vocabulary = c.vocabulary;
  shape.max_positions = ropes.front().longest(c.max_positions);
  shape.causal = true;
  shape.has_lm_head = true;
  shape.sites = {{PrefixSite::self, c.layers, c.kv_heads, c.head_dim}};
  shape.windows = windows;
  return shape;
}

at::Tensor DecoderFamily::norm(const at::Tensor& x, const at::Tensor& weight) const {
  if (!weight.defined())
    return x;
  const double epsilon = configuration.norm_epsilon;
  return norms_plus_one ? rms_norm_plus_one(x, weight, epsilon) : rms_norm(x, weight, epsilon);
}

std::size_t DecoderFamily::rope_of(int64_t layer) const {
  return ropes.size() > 1 && !windows.empty() && windows[static_cast<std::size_t>(layer)] > 0 ? 1 : 0;
}

at::Tensor DecoderLayer::forward(const DecoderFamily& family, int64_t index, const at::Tensor& x,
                                 const RotaryAngles& angles, const ForwardPass& pass) const {
  const bool last = index + 1 == family.configuration.layers && pass.selects_tokens();
  const at::Tensor mixed = attend(family, index, family.norm(x, before_attention), angles, pass, last);
  const at::Tensor attended =
      (last ? x.index_select(0, pass.selected_tokens()) : x) + family.norm(mixed, after_attention);
  const at::Tensor fed = feed_forward(family, family.norm(attended, before_feed_forward), pass, last);
  return attended + family.norm(fed, after_feed_forward);
}

at::Tensor DecoderLayer::attend(const DecoderFamily& family, int64_t index, const at::Tensor& x,
                                const RotaryAngles& angles, const ForwardPass& pass, bool last) const {
  const DecoderConfiguration& c = family.configuration;
  const auto selected = [&](const at::Tensor& states) {
    return last ? states.index_select(0, pass.selected_tokens()) : states;
  };
  const auto heads_of = [&](const at::Tensor& states, int64_t count) {
    return states.reshape({states.size(0), count, c.head_dim});
  };
  at::Tensor q, k, v;
  if (family.fused) {
    const at::Tensor all = pass.linear(qkv, x);
    const int64_t own = c.heads * c.head_dim, shared = c.kv_heads * c.head_dim;
    q = selected(all.narrow(1, 0, own));
    k = all.narrow(1, own, shared);
    v = all.narrow(1, own + shared, shared);
  } else {
    q = pass.linear(query, selected(x), last);
    k = pass.linear(key, x);
    v = pass.linear(value, x);
  }
  if (family.head_norms == DecoderFamily::HeadNorms::all_heads) {
    q = family.norm(q, query_norm);
    k = family.norm(k, key_norm);
  }
  q = heads_of(q, c.heads);
  k = heads_of(k, c.kv_heads);
  if (family.head_norms == DecoderFamily::HeadNorms::each_head) {
    q = family.norm(q, query_norm);
    k = family.norm(k, key_norm);
  }
  q = rotate(q, last ? RotaryAngles{selected(angles.cosine), selected(angles.sine)} : angles);
  k = rotate(k, angles);
  const at::Tensor mixed = attention(
      q, pass.sources(index, k, heads_of(v, c.kv_heads)), last ? pass.last_layout() : pass.layout(index),
      {family.scores_scale, nullptr, AttentionStrategy::automatic, family.scores_cap});
  return pass.linear(output, mixed.reshape({mixed.size(0), c.heads * c.head_dim}), last);
}

at::Tensor DecoderLayer::feed_forward(const DecoderFamily& family, const at::Tensor& x, const ForwardPass& pass,
                                      bool last) const {
  const Activation activation = family.configuration.activation;
  if (!family.fused)
    return pass.linear(down, gated(activation, pass.linear(gate, x, last), pass.linear(up, x, last)), last);
  const at::Tensor both = pass.linear(gate_up, x, last);
  const int64_t width = family.configuration.intermediate;
  return pass.linear(down, gated(activation, both.narrow(1, 0, width), both.narrow(1, width, width)), last);
}

} // namespace cuecard
