/// The verbalizer component `manual`: label words that a person chose, scored at one answer slot.
///
/// With x[w] the projected score of word w (first, largest or mean of its sub-tokens' scores), over the W words
/// of all labels together (OpenPrompt's ManualVerbalizer; Zhao et al. 2021 for the calibration):
///   p = softmax(x);  calibrated with q = softmax(x of the calibration scores): p := p / (q + 1e-15), summing
///   to 1 score of a label = mean over its words of log(p + 1e-15)
/// Without `post-log-softmax` the score is the mean of x, and nothing is calibrated.
///
/// All sub-tokens of a word are read at the same answer slot.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/calibration.hpp>
#include <cuecard/parts/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::manual {

class ManualVerbalizer final : public Verbalizer {
public:
  explicit ManualVerbalizer(const Options& options);

  /// Labels without words are their own word. DataError for a task without labels; UsageError for a word that
  /// the vocabulary can't spell, and for two labels that would always score the same.
  void prepare(const VerbalizerTarget& target) override;
  /// Scores of the U distinct sub-tokens that are used.
  Readout readout() const override;

  /// Calibrates on the content-free prompt when the option `calibrate` is `blank`.
  void calibrate(Scorer& scorer) override;
  /// Calibrates on the mean of up to `calibrate-rows` examples, spread evenly over `examples` and read without
  /// their labels, when `calibrate` is `train`.
  void fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) override;

  /// `values` [A, U], one answer per example.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  /// Cross-entropy of the scores with batch.labels; rows without a label don't count.
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// The label's first word, as it is encoded: prefix included.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [U], float32: mean scores of the distinct sub-tokens without content. Absent when not
  /// calibrated.
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  void take_prior();

  MultiToken handler_;
  std::string prefix_;
  bool post_log_softmax_;

  std::vector<std::string> first_words_; ///< by label, as they are encoded
  WordScores words_;
  Calibration calibration_;
  at::Tensor prior_; ///< [1, W] float32, softmax of the calibration scores over all words, or undefined
};

} // namespace cuecard::manual
