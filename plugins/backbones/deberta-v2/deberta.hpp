/// DeBERTa v2 and v3 (He et al. 2021, 2023): BERT's encoder without absolute positions, whose attention has terms of content and
/// relative position, and in the largest models a convolution beside the first layer.
#pragma once

#include <vector>

#include <cuecard/parts/attention/disentangled_attention.hpp>
#include <cuecard/parts/layers/encoder_backbone.hpp>

namespace cuecard::deberta {

/// The validated position settings of config.json.
struct RelativeConfiguration {
  bool relative, content_to_position, position_to_content;
  bool shared_keys; ///< tokens and positions share their projections
  bool normed;      ///< the relative embeddings are normalised
  DistanceBuckets buckets;

  RelativeConfiguration(const Configuration& configuration, int64_t max_positions);

  /// Whether scores depend on distances.
  bool has_terms() const { return relative && (content_to_position || position_to_content); }
  /// 1 / sqrt(terms * head_dim): each of the terms of a score is scaled as if they were one product.
  double scale(int64_t head_dim) const;
};

/// norm(x + act(convolution(embedded))), where x is the first layer's output and `embedded` its input.
struct Convolution {
  at::Tensor weight,
      bias; ///< [hidden, hidden / groups, an odd number of tokens], [hidden]; undefined: the model has none
  int64_t groups = 1;
  Activation activation = Activation::tanh;
  LayerNorm norm;
};

class Deberta final : public EncoderBackbone {
public:
  static BackboneShape describe(const Configuration& configuration);

  explicit Deberta(const BackboneArguments& arguments);

  at::Tensor forward(const ForwardArgs& args) const override;

private:
  at::Tensor attend(int64_t index, const ForwardPass& pass, const at::Tensor& query,
                    const std::vector<KeyValues>& sources, const AttentionLayout& layout) const override;
  void take_relative(const Weights& source, double epsilon);
  void take_convolution(const Configuration& configuration, const Weights& source, double epsilon);
  /// Keys and queries of the rows [R, hidden] of the table in layer `index`, with the updates of card `card`.
  PositionTerms terms_of(int64_t index, const ForwardPass& pass, const at::Tensor& rows, int64_t card) const;

  RelativeConfiguration relative_;
  at::Tensor table_; ///< [2 * span, hidden] relative embeddings, or undefined
  LayerNorm table_norm_;
  std::vector<Linear> position_keys_, position_queries_; ///< of each layer, where keys are not shared
  Convolution convolution_;                              ///< beside the first layer
};

} // namespace cuecard::deberta
