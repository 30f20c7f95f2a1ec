/// The verbalizer component `automatic`: PETAL (Schick, Schmid and Schuetze 2020, "Automatically identifying
/// words that can serve as labels for few-shot text classification"). Label words are found on the training
/// rows before the tuner learns; from then on they are read as the verbalizer `manual` reads words of one
/// token.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/calibration.hpp>
#include <cuecard/parts/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "word_search.hpp"

namespace cuecard::automatic {

class Automatic final : public Verbalizer {
public:
  explicit Automatic(const Options& options);

  /// DataError for a task without labels, UsageError for a model without a head over the vocabulary. What the
  /// task gives as words is not looked at.
  void prepare(const VerbalizerTarget& target) override;
  /// Scores of the words that were found.
  Readout readout() const override;

  /// Before training: finds the words, then calibrates. DataError when a label has no row, when no word can
  /// stand for a label, and when two labels got the same words.
  void fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) override;

  /// `values` [A, U], one answer per example. UsageError while no words were found.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// The label's best word; its name while no words were found.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// The words as texts, and the calibration.
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  void take_words(const std::vector<std::vector<std::string>>& words);
  void take_prior();

  SearchSettings settings_;
  Calibration calibration_;

  const Vocabulary* vocabulary_ = nullptr;
  at::Device device_ = at::kCPU;
  std::vector<std::string> labels_;
  std::vector<std::string> answers_; ///< by label, as they are encoded
  LabelWords words_;                 ///< empty while none were found
  WordScores scores_;
  at::Tensor prior_; ///< [1, W] float32 or undefined
};

/// The words of a vocabulary that a person could have written as label words, by their one token: they stand
/// behind a space, and at least two of their characters are letters (PETAL's filter). Other tokens are "".
std::vector<std::string> whole_words(const Vocabulary& vocabulary);

} // namespace cuecard::automatic
