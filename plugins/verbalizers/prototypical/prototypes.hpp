/// Prototypes of labels, learned by comparing (Cui et al. 2022, "Prototypical verbalizer for prompt-based
/// few-shot tuning", section 3). States become short vectors v by a linear map without bias; each label has a
/// prototype q among them, and what counts is the cosine.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cuecard::prototypical {

struct PrototypeSettings {
  int64_t dimension = 64, epochs = 30;
  double learning_rate = 0.01;
};

struct Prototypes {
  at::Tensor projection; ///< [dimension, width] float32
  at::Tensor vectors;    ///< [labels, dimension] float32

  bool defined() const { return vectors.defined(); }
  /// Cosines of states [n, width] with each label's prototype, [n, labels].
  at::Tensor cosines(const at::Tensor& states) const;
};

/// Over N states with their labels [N] and C prototypes, the sum of
///   instances and prototypes: sum over i of -log(e^cos(v_i, q_y) / sum over k of e^cos(v_i, q_k)), y the label
///   of i,
///                             divided by N C
///   instances among each other: sum over pairs (a, b) of one label of -log(e^cos(v_a, v_b) / (e^cos(v_a, v_b)
///   +
///                             sum over x of other labels of e^cos(v_x, v_b))), divided by N^2
/// (OpenPrompt's divisors, which for n states of each label are n C^2 and (n C)^2.) A scalar; nothing waits for
/// the device.
at::Tensor contrastive_loss(const Prototypes& prototypes, const at::Tensor& states, const at::Tensor& labels);

/// Steps of Adam on all states at once. Projection and prototypes start uniform, drawn by `seed`: within
/// 1 / sqrt(width), and as Glorot and Bengio 2010 have it.
Prototypes learn_prototypes(const at::Tensor& states, const std::vector<int64_t>& labels, int64_t count,
                            const PrototypeSettings& settings, uint64_t seed);

} // namespace cuecard::prototypical
