/// The verbalizer component `manual`: hand-written label words, scored at one answer slot.
///
/// With x[w] the score of word w (first, largest or mean of its tokens' logits), over the W words of all labels
/// together (OpenPrompt's ManualVerbalizer; Zhao et al. 2021 for the calibration):
///   p = softmax(x)
///   calibrated, with q = softmax(x of the calibration logits): p / (q + 1e-15), normalised to sum 1
///   score of a label = mean over its words of log(p + 1e-15)
/// Without `post-log-softmax` the score is the mean of x, without calibration.
///
/// All tokens of a word are scored at the same answer slot.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::manual {

class ManualVerbalizer final : public Verbalizer {
public:
  explicit ManualVerbalizer(const Options& options);

  /// Labels without words are their own word. DataError for a task without labels; UsageError for a word that
  /// the vocabulary can't encode, and for two labels that would always score the same.
  void prepare(const VerbalizerTarget& target) override;
  /// Logits of the U distinct tokens of the words.
  OutputRequest output_request() const override;

  /// Calibrates on the content-free prompt when the option `calibrate` is `blank`.
  void calibrate(Scorer& scorer) override;
  /// Calibrates on the mean of up to `calibrate-rows` evenly spaced examples, without their labels, when
  /// `calibrate` is `train`.
  void fit(const VerbalizerFitArgs& args) override;

  /// `outputs` [A, U], one answer per example.
  Scores score(const ScoreArgs& args) const override;
  /// Cross-entropy of the scores with batch.labels; examples without a label are ignored.
  at::Tensor loss(const LossArgs& args) const override;
  /// The label's first word, prefix included.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [U], float32: mean logits of the tokens for content-free input. Absent when not calibrated.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  void update_prior();

  MultiToken handler_;
  std::string prefix_;
  bool post_log_softmax_;

  std::vector<std::string> first_words_; ///< by label, prefix included
  WordScores words_;
  Calibration calibration_;
  at::Tensor prior_; ///< [1, W] float32, softmax over all words of the calibration, or undefined
};

} // namespace cuecard::manual
