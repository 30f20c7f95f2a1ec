/// The verbalizer component `manual`: hand-written label words, scored at one answer slot.
///
/// With x[w] the score of word w (first, largest or mean of its tokens' logits at one answer slot; or JointWordScores), over the W
/// words of all labels together (OpenPrompt's ManualVerbalizer; Zhao et al. 2021 for the calibration):
///   p = softmax(x)
///   calibrated, with q = softmax(x of the calibration logits): p / (q + 1e-15), normalised to sum 1
///   score of a label = mean over its words of log(p + 1e-15)
/// Without `post-log-softmax` the score is the mean of x, without calibration. Whole words are computed in logarithms, without the
/// constants: a word of several tokens may be less likely than 1e-15.
///
/// Several labels for one example: the softmax over labels would let one only be likely. With x[w] of log-probabilities over the
/// whole vocabulary instead of logits:
///   score of a label = mean over its words of x[w] - r[w]
/// where r is x for the content-free prompt or the training examples' mean (option `calibrate`), and without it x for a model that
/// finds all V tokens of the vocabulary equally likely: -log V for each token counted. So a label is likelier than not where its
/// word is likelier here than without the text: their pointwise mutual information is positive (Holtzman et al. 2021, equation 3).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/multi_label.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/joint_word_scores.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::manual {

class ManualVerbalizer final : public Verbalizer {
public:
  explicit ManualVerbalizer(const Options& options);

  /// Labels without words are their own word. DataError for a task without labels; UsageError for a word that
  /// the vocabulary can't encode, and for two labels that would always score the same.
  void prepare(const VerbalizerTarget& target) override;
  bool supports_multi_label() const override { return true; }
  /// Logits of the U distinct tokens of the words; their log-probabilities with several labels per example.
  OutputRequest output_request() const override;
  /// With `joint` and `joint-mean`, texts that give the answer slot its masks.
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override;

  /// Calibrates on the content-free prompt when the option `calibrate` is `blank`.
  void calibrate(Scorer& scorer) override;
  /// Calibrates on the mean of up to `calibrate-rows` evenly spaced examples, without their labels, when
  /// `calibrate` is `train`. With several labels per example, chooses the threshold after training.
  void fit(const VerbalizerFitArgs& args) override;

  /// `outputs` [A, U], one answer per example.
  Scores score(const ScoreArgs& args) const override;
  /// Cross-entropy of the scores with batch.labels; examples without a label are ignored.
  at::Tensor loss(const LossArgs& args) const override;
  std::vector<Decision> decide(const DecideArgs& args) const override;
  /// The label's first word, prefix included.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [U], float32: mean outputs at the tokens for content-free input; [W], of the words, with `joint`. Absent when not
  /// calibrated. `threshold`: MultiLabel::save.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  /// Sets `prior_` and `reference_` from the calibration.
  void update_prior();
  /// Scores of the words if each of their tokens has the log-probability -log V: [1, W].
  at::Tensor uniform_words() const;

  std::string handler_;
  std::string prefix_;
  bool post_log_softmax_;

  std::vector<std::string> first_words_; ///< by label, prefix included
  WordScores words_;
  JointWordScores joint_; ///< with `joint` and `joint-mean`; then `words_` only serves for label means
  Calibration calibration_;
  at::Tensor
      prior_; ///< [1, W] float32, softmax over all words of the calibration, or undefined; not with `joint_`
  std::optional<MultiLabel> multi_label_;
  int64_t vocabulary_ = 0;
  at::Tensor reference_; ///< [1, W] float32, x of the calibration or r of the description, or undefined
};

} // namespace cuecard::manual
