/// Contrastively trained prototypes of labels (Cui et al. 2022, "Prototypical verbalizer for prompt-based
/// few-shot tuning", section 3). A linear projection without bias maps hidden states to vectors v; each label
/// has a prototype q, and similarity is the cosine.
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
///   1 / (N C) * sum over i, with label y, of -log(e^cos(v_i, q_y) / sum over k of e^cos(v_i, q_k))
///   1 / N^2 * sum over pairs (a, b) of one label of -log(e^cos(v_a, v_b) / (e^cos(v_a, v_b) + r(b)))
/// where r(b) is the sum over all x of other labels than b's of e^cos(v_x, v_b).
///
/// (OpenPrompt's divisors, which for n states of each label are n C^2 and (n C)^2.) A scalar; never
/// synchronises.
at::Tensor contrastive_loss(const Prototypes& prototypes, const at::Tensor& states, const at::Tensor& labels);

/// Full-batch Adam. Projection and prototypes are initialised uniformly: within 1 / sqrt(width), and as in
/// Glorot and Bengio 2010.
Prototypes train_prototypes(const at::Tensor& states, const std::vector<int64_t>& labels, int64_t count,
                            const PrototypeSettings& settings, uint64_t seed);

} // namespace cuecard::prototypical
