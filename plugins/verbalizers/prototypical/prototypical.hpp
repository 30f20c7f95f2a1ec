/// The verbalizer component `prototypical`: ProtoVerb (Cui et al. 2022). While the tuner learns, label words
/// are scored as the verbalizer `manual` does it; afterwards prototypes are learned on the training rows'
/// states at the answer slot, and what a row is nearest to is its label.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/calibration.hpp>
#include <cuecard/parts/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "prototypes.hpp"

namespace cuecard::prototypical {

class Prototypical final : public Verbalizer {
public:
  explicit Prototypical(const Options& options);

  /// Labels and words are required as in `manual`; a model without a head has no words to score, only
  /// prototypes. UsageError when words shall be scored beside prototypes of two labels: standardised, each side
  /// only says which label it is for, and when they disagree there is no answer.
  void prepare(const VerbalizerTarget& target) override;
  /// Scores of the label words while there are no prototypes, then states.
  Readout readout() const override;

  void calibrate(Scorer& scorer) override;
  /// Before training: forgets prototypes, calibrates. After training: learns prototypes on up to
  /// `rows-per-label` rows of each label. DataError when a label has none.
  void fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) override;

  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `projection` [dimension, width], `prototypes` [labels, dimension], `calibration` [U]; with words beside
  /// them also `word_rows` [U, width] and `word_bias` [U], by which states give the words' scores.
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  void take_prior();
  at::Tensor word_scores(const at::Tensor& tokens) const; ///< [A, U] to [A, labels]
  void learn(Scorer& scorer, const std::vector<const Example*>& examples);
  void find_word_rows(Scorer& scorer, const std::vector<const Example*>& examples, const at::Tensor& states);

  PrototypeSettings settings_;
  int64_t rows_per_label_;
  bool with_words_;
  MultiToken handler_;
  std::string prefix_;
  Calibration calibration_;

  const Backbone* backbone_ = nullptr;
  uint64_t seed_ = 0;
  std::vector<std::string> labels_, answers_;
  WordScores words_; ///< undefined for a model without a head
  at::Tensor prior_; ///< [1, W] float32 or undefined
  Prototypes prototypes_;
  at::Tensor word_rows_, word_bias_;
};

} // namespace cuecard::prototypical
