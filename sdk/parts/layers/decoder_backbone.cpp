#include <cuecard/parts/layers/decoder_backbone.hpp>

#include <utility>

#include <ATen/ops/scalar_tensor.h>

#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>

namespace cuecard {

namespace {

/// `scale` rounded to that dtype: through float32, as in transformers, also for float64.
double rounded(double scale, at::ScalarType type) {
  return at::scalar_tensor(scale, at::kFloat).to(type).to(at::kDouble).item<double>();
}

} // namespace

DecoderBackbone::DecoderBackbone(const BackboneArguments& arguments, DecoderFamily family)
    : LoadedBackbone(family.shape()), family_(std::move(family)) {
  const DecoderConfiguration& c = family_.configuration;
  const Weights& source = arguments.weights;
  // LlamaForQuestionAnswering alone has the prefix "transformer.".
  const std::string stack = prefix_in(source, {"model.", "", "transformer."}, "norm.weight");
  const std::string words = stack + "embed_tokens.weight";
  const auto tables = take_tied(source, {words, "lm_head.weight"}, {c.vocabulary, c.hidden}, c.tied);
  set_tables(source, words, tables[0], tables[1]);
  embedding_scale_ = rounded(family_.embedding_scale, input_table_.scalar_type());
  norm_ = take(source, stack + "norm.weight", {c.hidden});
  for (int64_t l = 0; l < c.layers; ++l)
    layers_.push_back(take_layer(source, stack + "layers." + std::to_string(l) + "."));
}

DecoderLayer DecoderBackbone::take_layer(const Weights& source, const std::string& at) {
  const DecoderConfiguration& c = family_.configuration;
  const int64_t own = c.heads * c.head_dim, shared = c.kv_heads * c.head_dim;
  const auto norm = [&](const std::string& name, int64_t size) {
    return name.empty() ? at::Tensor() : take(source, at + name + ".weight", {size});
  };
  const auto linear = [&](const char* name, int64_t out, int64_t in, bool bias) {
    return take_linear(source, at + name, out, in, bias);
  };
  DecoderLayer layer;
  layer.before_attention = norm(family_.norms.before_attention, c.hidden);
  layer.after_attention = norm(family_.norms.after_attention, c.hidden);
  layer.before_feed_forward = norm(family_.norms.before_feed_forward, c.hidden);
  layer.after_feed_forward = norm(family_.norms.after_feed_forward, c.hidden);
  if (family_.fused) {
    layer.qkv = linear("self_attn.qkv_proj", own + 2 * shared, c.hidden, family_.input_bias);
  } else {
    layer.query = linear("self_attn.q_proj", own, c.hidden, family_.input_bias);
    layer.key = linear("self_attn.k_proj", shared, c.hidden, family_.input_bias);
    layer.value = linear("self_attn.v_proj", shared, c.hidden, family_.input_bias);
  }
  layer.output = linear("self_attn.o_proj", c.hidden, own, family_.output_bias);
  if (family_.head_norms != DecoderFamily::HeadNorms::none) {
    const bool each = family_.head_norms == DecoderFamily::HeadNorms::each_head;
    layer.query_norm = norm("self_attn.q_norm", each ? c.head_dim : own);
    layer.key_norm = norm("self_attn.k_norm", each ? c.head_dim : shared);
  }
  const bool bias = family_.feed_forward_bias;
  if (family_.fused) {
    layer.gate_up = linear("mlp.gate_up_proj", 2 * c.intermediate, c.hidden, bias);
  } else {
    layer.gate = linear("mlp.gate_proj", c.intermediate, c.hidden, bias);
    layer.up = linear("mlp.up_proj", c.intermediate, c.hidden, bias);
  }
  layer.down = linear("mlp.down_proj", c.hidden, c.intermediate, bias);
  return layer;
}

at::Tensor DecoderBackbone::token_vectors(TokenTable table, const at::Tensor& ids) const {
  const at::Tensor rows = LoadedBackbone::token_vectors(table, ids);
  return table == TokenTable::input && embedding_scale_ != 1 ? rows * embedding_scale_ : rows;
}

at::Tensor DecoderBackbone::token_dot_products(TokenTable table, const at::Tensor& vectors) const {
  const at::Tensor products = LoadedBackbone::token_dot_products(table, vectors);
  return table == TokenTable::input && embedding_scale_ != 1 ? products * embedding_scale_ : products;
}

at::Tensor DecoderBackbone::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  std::vector<RotaryAngles> angles;
  for (const Rope& rope : family_.ropes)
    angles.push_back(rope.angles(pass, side, input_table_.scalar_type()));
  at::Tensor x = embed_tokens(input_table_, side, args.conditioning, embedding_scale_);
  for (int64_t l = 0; l < pass.layers(family_.configuration.layers); ++l)
    x = layers_[static_cast<std::size_t>(l)].forward(family_, l, pass.enter(l, x), angles[family_.rope_of(l)],
                                                     pass);
  return pass.partial() ? x : family_.norm(x, norm_);
}

at::Tensor DecoderBackbone::project(const ProjectArgs& args) const {
  return project_untransformed(output_table_, at::Tensor(), args, shape_.family, family_.logits_cap);
}

} // namespace cuecard
