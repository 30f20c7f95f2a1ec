/// GPT-2 (Radford et al. 2019): a decoder of pre-norm layers with learned positions. `Gpt2Layer` is the figure,
/// `Gpt2` the stack.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/backbone.hpp>
#include <cuecard/parts/activation.hpp>
#include <cuecard/parts/forward_pass.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard::gpt2 {

/// What config.json says, checked.
struct Gpt2Configuration {
  int64_t layers, hidden, heads, intermediate, vocabulary, max_positions;
  double norm_epsilon;
  Activation activation;
  bool tied;
  bool scaled;          ///< attention by 1 / sqrt(head size) (`scale_attn_weights`)
  bool scaled_by_layer; ///< and by 1 / (layer + 1) (`scale_attn_by_inverse_layer_idx`)

  explicit Gpt2Configuration(const Configuration& configuration);
};

/// A linear map whose weight lies as GPT-2's files have it: x W + b.
struct Conv1D {
  at::Tensor weight, bias; ///< [in, out], [out]
  at::Tensor operator()(const at::Tensor& x) const;
};

/// One layer: x + attention(norm(x)), then x + feed_forward(norm(x)).
struct Gpt2Layer {
  LayerNorm attention_norm;
  Conv1D query_key_value, output; ///< the first [hidden, 3 hidden]: queries, keys, values side by side
  LayerNorm feed_forward_norm;
  Conv1D up, down;

  at::Tensor forward(const Gpt2Configuration& configuration, int64_t index, const at::Tensor& x,
                     const ForwardPass& pass) const;
};

class Gpt2 final : public Backbone {
public:
  explicit Gpt2(const BackboneArguments& arguments);

  const BackboneShape& shape() const override { return shape_; }
  at::Device device() const override { return words_.device(); }
  at::Tensor token_rows(TokenTable table, const at::Tensor& ids) const override;
  at::Tensor token_products(TokenTable table, const at::Tensor& rows) const override;
  at::Tensor forward(const ForwardArgs& args) const override;
  at::Tensor read(const ReadArgs& args) const override;
  const std::map<std::string, at::Tensor>& weights() const override { return weights_; }

private:
  Gpt2Configuration configuration_;
  BackboneShape shape_;
  at::Tensor words_, positions_; ///< [vocabulary | max positions, hidden]
  at::Tensor head_;              ///< [vocabulary, hidden], the words' own when tied
  std::vector<Gpt2Layer> layers_;
  LayerNorm norm_;
  std::map<std::string, at::Tensor> weights_;
};

} // namespace cuecard::gpt2
