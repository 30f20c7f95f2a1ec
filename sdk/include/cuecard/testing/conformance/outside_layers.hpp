/// What a family computes before its first layer and after the last, for checks of passes over some layers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <ATen/ATen.h>

#include <cuecard/backbone.hpp>

namespace cuecard::testing {

/// The computation before a model's first layer and after its last, for ForwardArgs::layers.
struct OutsideLayers {
  /// The input [n, hidden] of layer 0 for tokens `ids` [n] at `positions` [n]. Empty: not checked.
  std::function<at::Tensor(const Backbone& model, const at::Tensor& ids, const at::Tensor& positions)> embed =
      {};
  /// The final norm of `x` [n, hidden]. Empty: the model has none.
  std::function<at::Tensor(const Backbone& model, const at::Tensor& x)> final_norm = {};
};

/// The weight whose name ends with `ending`, whatever precedes it; undefined when there is none.
inline at::Tensor weight_ending(const Backbone& model, std::string_view ending) {
  for (const auto& [name, weight] : model.weights())
    if (name.ends_with(ending))
      return weight;
  return {};
}

/// OutsideLayers of BERT and its descendants: norm(words + positions + segment 0), then ELECTRA's projection
/// where there is one. Positions begin at row `first_position` of their table.
inline OutsideLayers outside_bert_layers(int64_t first_position = 0) {
  const auto embed = [first_position](const Backbone& model, const at::Tensor& ids,
                                      const at::Tensor& positions) {
    const auto weight = [&](const char* name) {
      return weight_ending(model, std::string("embeddings") + name);
    };
    at::Tensor x = weight(".word_embeddings.weight").index_select(0, ids) +
                   weight(".position_embeddings.weight").index_select(0, positions + first_position);
    if (const at::Tensor segments = weight(".token_type_embeddings.weight"); segments.defined())
      x = x + segments[0];
    x = at::layer_norm(x, {x.size(1)}, weight(".LayerNorm.weight"), weight(".LayerNorm.bias"), 1e-12);
    const at::Tensor projection = weight("_project.weight");
    return projection.defined() ? at::linear(x, projection, weight("_project.bias")) : x;
  };
  return {embed, {}};
}

} // namespace cuecard::testing
