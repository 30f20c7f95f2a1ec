#include <cuecard/parts/layers/encoder_backbone.hpp>

#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/layers/embedding.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/layers/stack_shape.hpp>

namespace cuecard {

namespace {

/// Tensors of a checkpoint, with `prefix` added to their names.
class Spelled {
public:
  /// `taken` receives every requested tensor, by its name in the checkpoint.
  Spelled(const Weights& source, std::map<std::string, at::Tensor>& taken, std::string prefix)
      : source_(source), taken_(taken), prefix_(std::move(prefix)) {}

  bool has(const std::string& name) const { return source_.has(spelling(name)); }
  at::Tensor operator()(const std::string& name, at::IntArrayRef shape) const {
    const std::string spelled = spelling(name);
    return taken_[spelled] = shape.size() == 2 ? source_.matrix(spelled, shape) : source_.get(spelled, shape);
  }
  /// A matrix whose rows are selected by operators that don't accept stored matrices.
  at::Tensor table(const std::string& name, at::IntArrayRef shape) const {
    return taken_[spelling(name)] = source_.get(spelling(name), shape);
  }

private:
  std::string spelling(const std::string& name) const {
    const std::string whole = prefix_ + name, stem = whole.substr(0, whole.rfind('.'));
    const std::string old = stem + (whole.ends_with(".bias") ? ".beta" : ".gamma");
    return !source_.has(whole) && source_.has(old) ? old : whole;
  }

  const Weights& source_;
  std::map<std::string, at::Tensor>& taken_;
  std::string prefix_;
};

} // namespace

std::string EncoderFamily::layer_at(int64_t index) const {
  return names.layers.empty() ? names.layer.stack + "." + std::to_string(index) + "."
                              : names.layers[static_cast<std::size_t>(index)];
}

BackboneShape EncoderFamily::shape() const {
  const EncoderConfiguration& c = configuration;
  const int64_t positions = has_positions ? c.max_positions - first_position : 0;
  BackboneShape shape =
      encoder_shape(name, {c.layers, c.hidden, c.heads, c.vocabulary, positions, c.embedding_width});
  shape.segments = reads_segments ? c.segments : 0;
  return shape;
}

EncoderBackbone::EncoderBackbone(const BackboneArguments& arguments, EncoderFamily family)
    : LoadedBackbone(family.shape()), family_(std::move(family)) {
  take_encoder(arguments.weights);
  take_head(arguments.weights);
}

void EncoderBackbone::take_encoder(const Weights& source) {
  const EncoderConfiguration& c = family_.configuration;
  const EncoderNames& names = family_.names;
  prefix_ = prefix_in(source, {names.prefix, ""}, family_.layer_at(0) + names.layer.down + ".weight");
  const Spelled take(source, weights_, prefix_);
  const std::string words = prefix_ + "embeddings.word_embeddings.weight";
  std::vector<std::string> tables{words};
  // Without the head's transform there is no head, whichever of its other tensors exist.
  const bool headed = source.has(names.transform + ".weight");
  if (headed && !names.decoder.empty())
    tables.push_back(names.decoder + ".weight");
  const std::vector<at::Tensor> found = take_tied(source, tables, {c.vocabulary, c.embedding_width}, c.tied);
  set_tables(source, words, found.front(), headed ? found.back() : at::Tensor());
  if (family_.has_positions)
    positions_ = take.table("embeddings.position_embeddings.weight", {c.max_positions, c.embedding_width});
  if (c.segments > 0)
    segments_ = take.table("embeddings.token_type_embeddings.weight", {c.segments, c.embedding_width});
  const EncoderProjection& projection = family_.projection;
  embedding_norm_ = cuecard::take_layer_norm(
      take, "embeddings.LayerNorm", projection.before_norm ? c.hidden : c.embedding_width, c.norm_epsilon);
  if (projection.always || c.embedding_width != c.hidden)
    projection_ = {take(projection.name + ".weight", {c.hidden, c.embedding_width}),
                   projection.bias ? take(projection.name + ".bias", {c.hidden}) : at::Tensor()};
  std::map<std::string, std::size_t> shared;
  for (int64_t l = 0; l < c.layers; ++l) {
    const auto [at, added] = shared.emplace(family_.layer_at(l), layers_.size());
    layer_of_.push_back(at->second);
    if (added)
      layers_.emplace_back(take, at->first, names.layer, c);
  }
  for (PostNormLayer& layer : layers_)
    for (Linear* map : {&layer.query, &layer.key, &layer.value, &layer.output, &layer.up, &layer.down}) {
      map->name.insert(0, prefix_);
      declare(*map);
    }
  if (!names.pooler.empty() && take.has(names.pooler + ".weight")) {
    pooler_ = cuecard::take_linear(take, names.pooler, c.hidden, c.hidden);
    shape_.has_pooler = true;
  }
}

void EncoderBackbone::take_head(const Weights& source) {
  const EncoderConfiguration& c = family_.configuration;
  const EncoderNames& names = family_.names;
  if (!output_table_.defined())
    return;
  const Spelled take(source, weights_, "");
  transform_ = cuecard::take_linear(take, names.transform, c.embedding_width, c.hidden);
  transform_norm_ = cuecard::take_layer_norm(take, names.transform_norm, c.embedding_width, c.norm_epsilon);
  std::vector<std::string> biases{names.decoder_bias};
  if (!names.decoder.empty() && names.decoder + ".bias" != names.decoder_bias)
    biases.push_back(names.decoder + ".bias");
  decoder_bias_ = take_tied(source, biases, {c.vocabulary}, true).back();
  if (!decoder_bias_.defined())
    decoder_bias_ = take(names.decoder_bias, {c.vocabulary});
}

at::Tensor EncoderBackbone::position_rows(const Side& side, const BatchConditioning& conditioning,
                                          const at::Tensor& positions) const {
  const at::Tensor rows = positions + family_.first_position;
  if (family_.uncounted_token < 0)
    return rows;
  std::vector<int64_t> first, last; // of each token's sequence
  for (int64_t s = 0; s < side.num_sequences(); ++s) {
    const auto at = static_cast<std::size_t>(s);
    first.resize(static_cast<std::size_t>(side.offsets[at + 1]), side.offsets[at]);
    last.resize(static_cast<std::size_t>(side.offsets[at + 1]), side.offsets[at + 1] - 1);
  }
  const at::Tensor begin = index_tensor(first, rows.device()), end = index_tensor(last, rows.device());
  // How many of the marked tokens are in a token's sequence, no later than `until`.
  const auto counted = [&](const at::Tensor& marks, const at::Tensor& until) {
    const at::Tensor sums = marks.cumsum(0);
    return until.defined()
               ? sums.index_select(0, until) - sums.index_select(0, begin) + marks.index_select(0, begin)
               : sums - sums.index_select(0, begin) + marks.index_select(0, begin);
  };
  at::Tensor marks = ids_of(side, conditioning).eq(family_.uncounted_token).to(at::kLong);
  for (const LateTokens& late : side.late)
    marks = marks.index_fill(0, late.tokens, 0);
  if (side.soft_tokens.defined() && side.soft_tokens.size(0) > 0) {
    const at::Tensor soft = at::zeros_like(marks).index_fill(0, side.soft_tokens, 1);
    marks = marks * counted(soft, end).eq(0);
  }
  const at::Tensor shifted = rows - counted(marks, {});
  return marks * (family_.first_position - 1) + (1 - marks) * shifted;
}

at::Tensor EncoderBackbone::embed(const Side& side, const BatchConditioning& conditioning,
                                  const at::Tensor& positions) const {
  at::Tensor x = embed_tokens(input_table_, side, conditioning);
  if (positions_.defined())
    x = x + positions_.index_select(0, position_rows(side, conditioning, positions));
  if (segments_.defined())
    x = x + (family_.reads_segments && side.segments.defined() ? segments_.index_select(0, side.segments)
                                                               : segments_[0]);
  if (!projection_.weight.defined())
    return embedding_norm_(x);
  return family_.projection.before_norm ? embedding_norm_(projection_(x)) : projection_(embedding_norm_(x));
}

at::Tensor EncoderBackbone::attend(int64_t, const ForwardPass&, const at::Tensor& query,
                                   const std::vector<KeyValues>& sources, const AttentionLayout& layout) const {
  return attention(query, sources, layout, 1.0 / std::sqrt(static_cast<double>(query.size(2))));
}

at::Tensor EncoderBackbone::run_layer(int64_t index, const at::Tensor& x, const ForwardPass& pass) const {
  return layer(index).forward(
      family_.configuration, index, x, pass,
      [&](const at::Tensor& query, const std::vector<KeyValues>& sources, const AttentionLayout& layout) {
        return attend(index, pass, query, sources, layout);
      });
}

at::Tensor EncoderBackbone::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  at::Tensor x = embed(side, args.conditioning, pass.positions());
  for (int64_t l = 0; l < pass.layers(shape_.layers); ++l)
    x = run_layer(l, pass.enter(l, x), pass);
  return x;
}

at::Tensor EncoderBackbone::project(const ProjectArgs& args) const {
  switch (args.request.kind) {
  case OutputRequest::Kind::hidden_states:
    return args.hidden;
  case OutputRequest::Kind::pooled:
    if (!pooler_.weight.defined())
      throw Error("this " + family_.title +
                  " checkpoint has no pooler; use a verbalizer that reads hidden states.");
    return at::tanh(pooler_(args.hidden));
  default:
    break;
  }
  if (!output_table_.defined())
    throw Error("this " + family_.title +
                " checkpoint has no masked-LM head, so no words can be scored with it; use a checkpoint for "
                "masked language modelling, or a verbalizer that reads hidden states.");
  const at::Tensor states = transform_norm_(activate(family_.head_activation, transform_(args.hidden)));
  return args.request.kind == OutputRequest::Kind::transformed_states
             ? states
             : project_to_vocabulary(states, output_table_, decoder_bias_, args, shape_.family);
}

} // namespace cuecard
