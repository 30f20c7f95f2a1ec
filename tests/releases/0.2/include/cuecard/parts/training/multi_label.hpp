/// Several labels for one example: a probability for each, binary cross-entropy, and a threshold.
///
/// With z the score of a label for an example, and y = 1 where the example has it, else 0:
///   p = sigmoid(z)
///   loss = mean over examples and labels of -(y log p + (1 - y) log(1 - p))   (transformers, multi_label_classification)
/// A label is predicted where p is at least a threshold: 0.5, or the one that maximises micro-F1 on the development set, one for
/// all labels (Yang 2001, "A study of thresholding strategies for text categorization", section 3; Lipton, Elkan and Narayanaswamy 2014).
///
/// Threads: `best_f1_threshold` may be called from several threads at once; see MultiLabel.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/component_state.hpp>
#include <cuecard/export.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard {

/// The threshold t for which "p >= t" has the highest F1 over `scored`: pairs of a probability and whether the label is right. It
/// lies halfway between two probabilities; among equally good ones, it is the one nearest to 0.5. 0.5 if no label is right.
CUECARD_API double best_f1_threshold(std::vector<std::pair<double, bool>> scored);

/// Loss, decisions and threshold of a verbalizer whose scores are one decision per example, with a logit for each label. Threads: const
/// functions may run concurrently; the others need exclusive use.
class CUECARD_API MultiLabel {
public:
  /// Mean over the labels of the decisions whose example has Example::label_set. A scalar in the dtype and on the device of the scores,
  /// differentiable in them; does not wait for the device. DataError for a batch without any such example.
  at::Tensor loss(const LossArgs& args) const;
  /// One per decision: all probabilities, and the labels that reach the threshold.
  std::vector<Decision> decide(const DecideArgs& args) const;

  /// After training, chooses the threshold on `args.dev` by the scores of `verbalizer`; without such examples it stays unchanged. Errors:
  /// those of Scorer::score.
  void fit(const VerbalizerFitArgs& args, const Verbalizer& verbalizer);

  /// The least probability of a label that is given, 0 to 1.
  double threshold() const { return threshold_; }
  /// Resets the threshold to 0.5.
  void reset() { threshold_ = 0.5; }
  /// The tensor `threshold` [1] float64, on the CPU. `load`: DataError that names `verbalizer` when the card has no threshold from 0 to 1.
  void save(ComponentState& state) const;
  void load(const ComponentState& state, const std::string& verbalizer);

private:
  double threshold_ = 0.5;
};

} // namespace cuecard
