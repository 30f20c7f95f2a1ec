#include <cuecard/parts/layers/loaded_backbone.hpp>

#include <cuecard/error.hpp>
#include <cuecard/parts/layers/output_projection.hpp>
#include <cuecard/parts/stored/stored_matrix.hpp>

namespace cuecard {

namespace {

const at::Tensor& table_of(TokenTable table, const at::Tensor& input, const at::Tensor& output,
                           const std::string& family) {
  if (table == TokenTable::output && !output.defined())
    throw Error("this " + family +
                " checkpoint has no head over the vocabulary, so it has no output embeddings.");
  return table == TokenTable::input ? input : output;
}

} // namespace

std::string prefix_in(const Weights& source, const std::vector<std::string>& prefixes,
                      const std::string& name) {
  for (const std::string& prefix : prefixes)
    if (source.has(prefix + name))
      return prefix;
  return prefixes.front();
}

at::Tensor LoadedBackbone::token_vectors(TokenTable table, const at::Tensor& ids) const {
  return matrix_rows(table_of(table, input_table_, output_table_, shape_.family), ids).to(at::kFloat);
}

at::Tensor LoadedBackbone::token_dot_products(TokenTable table, const at::Tensor& vectors) const {
  return table_dot_products(table_of(table, input_table_, output_table_, shape_.family), vectors);
}

at::Tensor LoadedBackbone::take(const Weights& source, const std::string& name, at::IntArrayRef shape) {
  return weights_[name] = source.get(name, shape);
}

at::Tensor LoadedBackbone::take_matrix(const Weights& source, const std::string& name, at::IntArrayRef shape) {
  return weights_[name] = source.matrix(name, shape);
}

std::vector<at::Tensor> LoadedBackbone::take_tied(const Weights& source, const std::vector<std::string>& names,
                                                  at::IntArrayRef shape, bool tied) {
  std::vector<at::Tensor> found;
  at::Tensor first;
  for (const std::string& name : names) {
    at::Tensor& tensor = found.emplace_back();
    if (!source.has(name))
      continue;
    tensor = source.matrix(name, shape);
    if (tied && first.defined() && same_values(first, tensor))
      tensor = first;
    else
      weights_[name] = tensor;
    if (!first.defined())
      first = tensor;
  }
  for (at::Tensor& tensor : found)
    if (tied && !tensor.defined())
      tensor = first;
  return found;
}

void LoadedBackbone::set_tables(const Weights& source, const std::string& name, const at::Tensor& input,
                                const at::Tensor& output) {
  input_table_ = input.defined() ? input : source.get(name, {shape_.vocabulary, shape_.embedding_width});
  output_table_ = output;
  shape_.has_lm_head = output.defined();
}

Linear LoadedBackbone::take_linear(const Weights& source, const std::string& name, int64_t out, int64_t in,
                                   bool bias) {
  Linear layer{take_matrix(source, name + ".weight", {out, in}),
               bias ? take(source, name + ".bias", {out}) : at::Tensor(), name + ".weight"};
  declare(layer);
  return layer;
}

LayerNorm LoadedBackbone::take_layer_norm(const Weights& source, const std::string& name, int64_t size,
                                          double epsilon) {
  return {take(source, name + ".weight", {size}), take(source, name + ".bias", {size}), epsilon};
}

void LoadedBackbone::declare(const Linear& layer) {
  linear_layers_.push_back({layer.name, layer.weight.size(0), layer.weight.size(1)});
}

} // namespace cuecard
