#include "deberta.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/packed_convolution.hpp>

namespace cuecard::deberta {

namespace {

/// The words of `key`, a list or one text with "|" between them, in lower case.
std::vector<std::string> words_of(const Configuration& c, const std::string& key) {
  const auto found = c.values().find(key);
  if (found == c.values().end())
    return {};
  if (const auto* list = std::get_if<std::vector<std::string>>(&found->second))
    return *list;
  if (const auto* empty = std::get_if<std::vector<int64_t>>(&found->second); empty && empty->empty())
    return {}; // an empty list has no type of its own
  std::vector<std::string> words{""};
  for (const char letter : c.text(key)) {
    if (letter == '|')
      words.emplace_back();
    else if (letter != ' ')
      words.back() += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 0x20) : letter;
  }
  return words;
}

bool names(const std::vector<std::string>& words, const char* word) {
  return std::ranges::find(words, word) != words.end();
}

/// Whether the masked-LM head is that of version 3's files, which has no decoder, and not that of older ones; `legacy` decides if
/// both exist. `source` is null if only the shape is needed.
bool has_newer_head(const Configuration& c, const Weights* source) {
  return source && source->has("lm_predictions.lm_head.dense.weight") &&
         !(c.boolean_or("legacy", true) && source->has("cls.predictions.transform.dense.weight"));
}

EncoderFamily family_of(const Configuration& c, const Weights* source) {
  EncoderConfiguration configuration(c, {},
                                     {.layers = 24,
                                      .hidden = 1536,
                                      .heads = 24,
                                      .intermediate = 6144,
                                      .vocabulary = 128100,
                                      .segments = 0,
                                      .norm_epsilon = 1e-7});
  configuration.embedding_width = c.integer_or("embedding_size", configuration.hidden, 1, 1 << 20);
  const bool newer = has_newer_head(c, source);
  const std::string head = newer ? "lm_predictions.lm_head." : "cls.predictions.";
  return {.name = "deberta-v2",
          .title = "DeBERTa",
          .names = {.prefix = "deberta.",
                    .layer = {.query = "attention.self.query_proj",
                              .key = "attention.self.key_proj",
                              .value = "attention.self.value_proj"},
                    .pooler = "", // `pooler` belongs to the classifier of a checkpoint for classification
                    .transform = head + (newer ? "dense" : "transform.dense"),
                    .transform_norm = head + (newer ? "LayerNorm" : "transform.LayerNorm"),
                    .decoder = newer ? "" : head + "decoder",
                    .decoder_bias = head + "bias"},
          .configuration = configuration,
          .head_activation = configuration.activation,
          .projection = {.name = "embeddings.embed_proj", .bias = false, .before_norm = true},
          .has_positions = c.boolean_or("position_biased_input", true)};
}

/// Kernel size of the convolution, 0 if there is none, and its groups.
std::pair<int64_t, int64_t> convolution_sizes(const Configuration& c, int64_t hidden) {
  const int64_t tokens = c.integer_or("conv_kernel_size", 0, 0, 1024),
                groups = c.integer_or("conv_groups", 1, 1, 1 << 20);
  if (tokens > 0 && tokens % 2 == 0)
    throw DataError(c.origin() + ": conv_kernel_size is " + std::to_string(tokens) +
                    "; expected an odd number, or 0 for no convolution.");
  if (hidden % groups != 0)
    throw DataError(c.origin() + ": conv_groups is " + std::to_string(groups) +
                    ", which does not divide hidden_size " + std::to_string(hidden) + ".");
  return {tokens, groups};
}

int64_t max_positions_of(const Configuration& c) {
  return c.integer_or("max_position_embeddings", 512, 1, 1 << 24);
}

} // namespace

RelativeConfiguration::RelativeConfiguration(const Configuration& c, int64_t max_positions)
    : relative(c.boolean_or("relative_attention", false)), shared_keys(c.boolean_or("share_att_key", false)),
      normed(names(words_of(c, "norm_rel_ebd"), "layer_norm")) {
  const std::vector<std::string> terms = words_of(c, "pos_att_type");
  content_to_position = names(terms, "c2p");
  position_to_content = names(terms, "p2c");
  // Zero or less means not set.
  const double distance = c.number_or("max_relative_positions", -1),
               number = c.number_or("position_buckets", -1);
  buckets.max_distance = distance < 1 ? max_positions : c.integer("max_relative_positions", 1, 1 << 24);
  buckets.logarithmic = number > 0;
  buckets.span = buckets.logarithmic ? c.integer("position_buckets", 2, 1 << 24) : buckets.max_distance;
  if (relative && buckets.logarithmic && buckets.max_distance - 1 <= buckets.span / 2)
    throw DataError(c.origin() + ": max_relative_positions is " + std::to_string(buckets.max_distance) +
                    "; with " + std::to_string(buckets.span) + " position_buckets it must be more than " +
                    std::to_string(buckets.span / 2 + 1) + ".");
}

double RelativeConfiguration::scale(int64_t head_dim) const {
  const int64_t terms = 1 + (content_to_position ? 1 : 0) + (position_to_content ? 1 : 0);
  return 1.0 / std::sqrt(static_cast<double>(terms * head_dim));
}

BackboneShape Deberta::describe(const Configuration& configuration) {
  const EncoderFamily family = family_of(configuration, nullptr);
  RelativeConfiguration(configuration, max_positions_of(configuration));
  convolution_sizes(configuration, family.configuration.hidden);
  return family.shape();
}

Deberta::Deberta(const BackboneArguments& arguments)
    : EncoderBackbone(arguments, family_of(arguments.configuration, &arguments.weights)),
      relative_(arguments.configuration, max_positions_of(arguments.configuration)) {
  const double epsilon = arguments.configuration.number_or("layer_norm_eps", 1e-7);
  if (relative_.relative)
    take_relative(arguments.weights, epsilon);
  take_convolution(arguments.configuration, arguments.weights, epsilon);
}

void Deberta::take_relative(const Weights& source, double epsilon) {
  const std::string encoder = prefix() + "encoder.";
  table_ = take(source, encoder + "rel_embeddings.weight", {2 * relative_.buckets.span, shape_.hidden});
  if (relative_.normed)
    table_norm_ = take_layer_norm(source, encoder + "LayerNorm", shape_.hidden, epsilon);
  for (int64_t l = 0; l < shape_.layers && !relative_.shared_keys; ++l) {
    const std::string at = encoder + "layer." + std::to_string(l) + ".attention.self.";
    if (relative_.content_to_position)
      position_keys_.push_back(take_linear(source, at + "pos_key_proj", shape_.hidden, shape_.hidden, true));
    if (relative_.position_to_content)
      position_queries_.push_back(
          take_linear(source, at + "pos_query_proj", shape_.hidden, shape_.hidden, true));
  }
}

void Deberta::take_convolution(const Configuration& c, const Weights& source, double epsilon) {
  const auto [tokens, groups] = convolution_sizes(c, shape_.hidden);
  if (tokens == 0)
    return;
  const std::string name = prefix() + "encoder.conv.";
  convolution_ = {take(source, name + "conv.weight", {shape_.hidden, shape_.hidden / groups, tokens}),
                  take(source, name + "conv.bias", {shape_.hidden}), groups,
                  activation_of(c, "conv_act", "tanh"),
                  take_layer_norm(source, name + "LayerNorm", shape_.hidden, epsilon)};
}

PositionTerms Deberta::terms_of(int64_t index, const ForwardPass& pass, const at::Tensor& rows,
                                int64_t card) const {
  const auto at = static_cast<std::size_t>(index);
  const auto heads_of = [&](const Linear& map) {
    return pass.linear_of_card(map, rows, card).view({rows.size(0), shape_.heads, shape_.head_dim});
  };
  PositionTerms terms;
  if (relative_.content_to_position)
    terms.key = heads_of(relative_.shared_keys ? layer(index).key : position_keys_[at]);
  if (relative_.position_to_content)
    terms.query = heads_of(relative_.shared_keys ? layer(index).query : position_queries_[at]);
  return terms;
}

at::Tensor Deberta::attend(int64_t index, const ForwardPass& pass, const at::Tensor& query,
                           const std::vector<KeyValues>& sources, const AttentionLayout& layout) const {
  const double scale = relative_.scale(shape_.head_dim);
  if (!relative_.has_terms())
    return attention(query, sources, layout, scale);
  const RowRange range = rows_of(layout, relative_.buckets, query.device());
  const at::Tensor used = table_.narrow(0, range.begin, range.count),
                   rows = table_norm_.weight.defined() ? table_norm_(used) : used;
  std::map<int64_t, PositionTerms> of_card;
  return disentangled_attention(
      query, sources, layout, scale, relative_.buckets, [&](int64_t s) -> const PositionTerms& {
        const int64_t card =
            pass.has_updates() ? pass.card_of(layout.offsets[static_cast<std::size_t>(s)]) : -1;
        auto found = of_card.find(card);
        if (found == of_card.end())
          found = of_card.emplace(card, terms_of(index, pass, rows, card)).first;
        return found->second;
      });
}

at::Tensor Deberta::forward(const ForwardArgs& args) const {
  const Side& side = args.batch.input;
  const ForwardPass pass(args, side, shape_, PrefixSite::self);
  at::Tensor x = embed(side, args.conditioning, pass.positions()), beside;
  if (convolution_.weight.defined())
    beside = packed_convolution(x, side, convolution_.weight, convolution_.bias, convolution_.groups);
  for (int64_t l = 0; l < pass.layers(shape_.layers); ++l) {
    x = run_layer(l, pass.enter(l, x), pass);
    if (l == 0 && beside.defined()) {
      const bool last = shape_.layers == 1 && pass.selects_tokens();
      x = convolution_.norm(x + activate(convolution_.activation,
                                         last ? beside.index_select(0, pass.selected_tokens()) : beside));
    }
  }
  return x;
}

} // namespace cuecard::deberta
