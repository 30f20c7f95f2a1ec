/// One layer of BERT's figure (Devlin et al. 2019; Vaswani et al. 2017, section 3.1), which its descendants
/// share: y = norm(x + attention(x)), then norm(y + feed_forward(y)).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/configuration.hpp>
#include <cuecard/export.hpp>
#include <cuecard/parts/activation.hpp>
#include <cuecard/parts/forward_pass.hpp>
#include <cuecard/parts/layers.hpp>

namespace cuecard {

/// What config.json says of such an encoder, checked: names as there. A DataError names the file and the key.
struct CUECARD_API EncoderConfiguration {
  int64_t layers, hidden, heads, intermediate, vocabulary, max_positions, segments;
  double norm_epsilon;
  Activation activation;

  explicit EncoderConfiguration(const Configuration& configuration);
};

/// The tensor of that name, checked against a shape: a checkpoint in the family's own spelling.
using TakeTensor = std::function<at::Tensor(const std::string& name, at::IntArrayRef shape)>;

/// NAME.weight [out, in] and NAME.bias [out].
CUECARD_API Linear take_linear(const TakeTensor& take, const std::string& name, int64_t out, int64_t in);
/// NAME.weight and NAME.bias, [size].
CUECARD_API LayerNorm take_layer_norm(const TakeTensor& take, const std::string& name, int64_t size,
                                      double epsilon);

struct CUECARD_API PostNormLayer {
  Linear query, key, value, output;
  LayerNorm attention_norm;
  Linear up, down;
  LayerNorm output_norm;

  /// From tensors `encoder.layer.INDEX.*` in BERT's names.
  PostNormLayer(const TakeTensor& take, const EncoderConfiguration& configuration, int64_t index);

  /// x [R, hidden]. The last layer computes only the rows that are read, where `pass` reads some: [A, hidden].
  at::Tensor forward(const EncoderConfiguration& configuration, int64_t index, const at::Tensor& x,
                     const ForwardPass& pass) const;
};

} // namespace cuecard
