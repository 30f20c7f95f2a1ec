/// The state that all backbones share: shape, weights by name, input and output embeddings, and the linear layers that cards may
/// update.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/backbone.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/layers/layers.hpp>

namespace cuecard {

/// The first of `prefixes` (at least one) with which the checkpoint has a tensor `name`, or the first one if it has no such tensor. Names
/// of a bare model lack the prefix that a checkpoint with a head has ("model.", "bert.").
CUECARD_API std::string prefix_in(const Weights& source, const std::vector<std::string>& prefixes,
                                  const std::string& name);

/// Implements Backbone except for `forward` and `project`. Threads: public functions may run concurrently; the protected ones are for the
/// constructor of a derived class, and need exclusive use.
class CUECARD_API LoadedBackbone : public Backbone {
public:
  explicit LoadedBackbone(BackboneShape shape) : shape_(std::move(shape)) {}

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return input_table_.device(); }
  /// Error for the output table of a checkpoint without a head, as in `token_dot_products`.
  at::Tensor token_vectors(TokenTable table, const at::Tensor& ids) const override;
  at::Tensor token_dot_products(TokenTable table, const at::Tensor& vectors) const override;
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }
  const std::vector<LinearLayer>& linear_layers() const override { return linear_layers_; }

protected:
  /// The tensor of that name, checked against `shape` and added to `weights`. DataError if it is missing or has another shape.
  at::Tensor take(const Weights& source, const std::string& name, at::IntArrayRef shape);
  /// The same for the weight of a linear layer or a table of tokens, which may be a stored matrix (parts/stored/stored_matrix.hpp).
  at::Tensor take_matrix(const Weights& source, const std::string& name, at::IntArrayRef shape);
  /// Tensors of one shape that a configuration may tie, such as input and output embeddings: one for each of `names`. As in
  /// transformers 5, a tensor that the checkpoint has under its own name is used, tied or not. If `tied`, a missing one is the
  /// first of `names` that exists, and tensors with equal values share its memory. They may be stored matrices. Undefined if the
  /// checkpoint has none. DataError for another shape.
  std::vector<at::Tensor> take_tied(const Weights& source, const std::vector<std::string>& names,
                                    at::IntArrayRef shape, bool tied);
  /// Sets `input_table_` and `output_table_` to two tensors of `take_tied`, and `has_lm_head` to whether the second is defined.
  /// DataError, naming the first (`name`), if that is undefined.
  void set_tables(const Weights& source, const std::string& name, const at::Tensor& input,
                  const at::Tensor& output);
  /// NAME.weight [out, in] and, where the layer has one, NAME.bias [out]; declared among `linear_layers`. Errors: as `take`.
  Linear take_linear(const Weights& source, const std::string& name, int64_t out, int64_t in, bool bias);
  /// NAME.weight and NAME.bias, [size]. Errors: as `take`.
  LayerNorm take_layer_norm(const Weights& source, const std::string& name, int64_t size, double epsilon);
  /// Adds a layer that was created in another way to `linear_layers`.
  void declare(const Linear& layer);

  BackboneShape shape_;
  at::Tensor input_table_;  ///< [vocabulary, embedding width]
  at::Tensor output_table_; ///< [vocabulary, width], the same tensor when tied; undefined without a head
  std::map<std::string, at::Tensor> weights_;
  std::vector<LinearLayer> linear_layers_;
};

} // namespace cuecard
