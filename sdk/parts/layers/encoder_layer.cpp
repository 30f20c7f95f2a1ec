#include <cuecard/parts/layers/encoder_layer.hpp>

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>

namespace cuecard {

EncoderConfiguration::EncoderConfiguration(const Configuration& c, const EncoderKeys& keys,
                                           const EncoderDefaults& defaults)
    : layers(c.integer_or(keys.layers, defaults.layers, 1, 1024)),
      hidden(c.integer_or(keys.hidden, defaults.hidden, 1, 1 << 20)),
      heads(c.integer_or(keys.heads, defaults.heads, 1, 4096)),
      intermediate(c.integer_or(keys.intermediate, defaults.intermediate, 1, 1 << 24)),
      vocabulary(c.integer_or("vocab_size", defaults.vocabulary, 1, 1 << 24)),
      max_positions(c.integer_or("max_position_embeddings", 512, 1, 1 << 24)),
      segments(
          c.integer_or("type_vocab_size", defaults.segments, std::min<int64_t>(defaults.segments, 1), 4096)),
      embedding_width(hidden), norm_epsilon(c.number_or("layer_norm_eps", defaults.norm_epsilon)),
      activation(activation_of(c, keys.activation, defaults.activation)),
      tied(c.boolean_or("tie_word_embeddings", true)) {
  check_heads(c, hidden, heads, keys.hidden, keys.heads);
  const std::string positions = c.text_or("position_embedding_type", "absolute");
  if (positions != "absolute")
    throw DataError(c.origin() + ": position_embedding_type is \"" + positions +
                    "\"; this backbone has \"absolute\".");
  if (c.boolean_or("is_decoder", false))
    throw DataError(c.origin() +
                    ": is_decoder is true, so each token attends only to earlier ones; this backbone is an "
                    "encoder, so it must be false.");
}

Linear take_linear(const TakeTensor& take, const std::string& name, int64_t out, int64_t in) {
  return {take(name + ".weight", {out, in}), take(name + ".bias", {out}), name + ".weight"};
}

LayerNorm take_layer_norm(const TakeTensor& take, const std::string& name, int64_t size, double epsilon) {
  return {take(name + ".weight", {size}), take(name + ".bias", {size}), epsilon};
}

PostNormLayer::PostNormLayer(const TakeTensor& take, const std::string& at, const PostNormNames& names,
                             const EncoderConfiguration& c) {
  query = take_linear(take, at + names.query, c.hidden, c.hidden);
  key = take_linear(take, at + names.key, c.hidden, c.hidden);
  value = take_linear(take, at + names.value, c.hidden, c.hidden);
  output = take_linear(take, at + names.output, c.hidden, c.hidden);
  attention_norm = take_layer_norm(take, at + names.attention_norm, c.hidden, c.norm_epsilon);
  up = take_linear(take, at + names.up, c.intermediate, c.hidden);
  down = take_linear(take, at + names.down, c.hidden, c.intermediate);
  output_norm = take_layer_norm(take, at + names.output_norm, c.hidden, c.norm_epsilon);
}

at::Tensor PostNormLayer::forward(const EncoderConfiguration& c, int64_t index, const at::Tensor& x,
                                  const ForwardPass& pass, const Attend& attend) const {
  const bool last = index + 1 == c.layers && pass.selects_tokens();
  const at::Tensor queries = last ? x.index_select(0, pass.selected_tokens()) : x;
  const int64_t head_dim = c.hidden / c.heads;
  const auto heads_of = [&](const at::Tensor& states) {
    return states.view({states.size(0), c.heads, head_dim});
  };

  const at::Tensor mixed =
      attend(heads_of(pass.linear(query, queries, last)),
             pass.sources(index, heads_of(pass.linear(key, x)), heads_of(pass.linear(value, x))),
             last ? pass.last_layout() : pass.layout(index));
  const at::Tensor attended =
      attention_norm(queries + pass.linear(output, mixed.reshape({mixed.size(0), c.hidden}), last));
  return output_norm(attended +
                     pass.linear(down, activate(c.activation, pass.linear(up, attended, last)), last));
}

} // namespace cuecard
