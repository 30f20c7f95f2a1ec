/// The verbalizer `knn-verbalizer`: the label of an example is the vote of its nearest training examples (Xu et al. 2023, "kNN Prompting:
/// Beyond-Context Learning with Calibration-Free Nearest Neighbor Inference", section 3). The card keeps their hidden states at the answer
/// slot; the paper's distributions over the vocabulary are computed from them when the card is loaded.
///
/// A examples, N kept examples, C labels, H hidden size, V vocabulary.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace knn {

class KnnVerbalizer final : public cuecard::Verbalizer {
public:
  explicit KnnVerbalizer(const cuecard::Options& options);

  void prepare(const cuecard::VerbalizerTarget& target) override;
  /// Logits of the label words until examples are kept, then hidden states.
  cuecard::OutputRequest output_request() const override;
  /// Before training: discards all examples. After training: keeps up to `rows` of them, evenly spaced. DataError if none can be
  /// used.
  void fit(const cuecard::VerbalizerFitArgs& args) override;
  cuecard::Scores score(const cuecard::ScoreArgs& args) const override;
  at::Tensor loss(const cuecard::LossArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `states` [N, H], `labels` [N].
  cuecard::ComponentState state() const override;
  void load_state(const cuecard::ComponentState& saved) override;

private:
  void keep(const at::Tensor& states, const std::vector<int64_t>& labels);
  /// Distances of outputs [A, H] to the kept examples: [A, N].
  at::Tensor distances(const at::Tensor& outputs) const;

  int64_t k_, rows_;
  bool by_distribution_; ///< distance=kl
  double temperature_;
  const cuecard::Backbone* backbone_ = nullptr;
  std::vector<std::string> labels_, first_words_;
  cuecard::WordScores words_;

  at::Tensor states_;        ///< [N, H] float32; undefined until examples are kept
  at::Tensor state_labels_;  ///< [N] int64
  at::Tensor probabilities_; ///< [N, V] float32, with distance=kl
  at::Tensor entropies_;     ///< [N] sum over V of p log p
};

} // namespace knn
