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
  enum class Handler { first, max, mean };

  /// [A, U] to [A, W].
  at::Tensor project(const at::Tensor& values) const;
  void index_words(const std::vector<std::vector<std::vector<int64_t>>>& words, const at::Device& device);
  void set_calibration(const at::Tensor& scores);

  Handler handler_;
  std::string calibrate_, prefix_;
  int64_t calibrate_rows_;
  bool post_log_softmax_;

  std::vector<std::string> labels_;
  std::vector<std::string> first_words_;
  int64_t width_ = 1;    ///< most sub-tokens of a word that are read
  at::Tensor token_ids_; ///< [U] int64, vocabulary rows
  at::Tensor columns_;   ///< [W * width] int64, which of the U each sub-token of each word is
  at::Tensor absent_;    ///< [W, width] bool, true where a word has fewer sub-tokens; undefined when width is 1
  at::Tensor counts_;    ///< [W] float32, sub-tokens of each word; undefined when width is 1
  at::Tensor averages_;  ///< [W, labels] float32, 1 / words of the label where the word is the label's
  at::Tensor calibration_; ///< [U] float32, or undefined
  at::Tensor prior_;       ///< [1, W] float32, softmax of the projected calibration, or undefined
};

} // namespace cuecard::manual
