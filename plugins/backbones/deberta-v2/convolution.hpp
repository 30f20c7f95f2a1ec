/// The convolution of DeBERTa v2's xlarge models, which is added to the first layer (He et al. 2021).
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include <cuecard/batch.hpp>
#include <cuecard/configuration.hpp>
#include <cuecard/parts/attention/forward_pass.hpp>
#include <cuecard/parts/layers/activation.hpp>
#include <cuecard/parts/layers/layers.hpp>

namespace cuecard::deberta {

/// What config.json says, checked. `kernel` is odd; 0: the model has no convolution.
struct ConvolutionConfiguration {
  int64_t kernel = 0, groups = 1;
  Activation activation = Activation::tanh;

  ConvolutionConfiguration() = default;
  ConvolutionConfiguration(const Configuration& configuration, int64_t hidden);
};

/// norm(x + act(convolution(embedded))) along each sequence. Nothing is before a sequence's first token or after its last, and
/// neither a prefix nor a late soft token is a neighbour.
struct Convolution {
  ConvolutionConfiguration configuration;
  at::Tensor weight, bias; ///< [hidden, hidden / groups, kernel], [hidden]
  LayerNorm norm;

  /// embedded [T, hidden] the input of the first layer, x its output: [T, hidden], or the selected tokens [A, hidden].
  at::Tensor operator()(const at::Tensor& embedded, const at::Tensor& x, const Side& side,
                        const ForwardPass& pass) const;
};

} // namespace cuecard::deberta
