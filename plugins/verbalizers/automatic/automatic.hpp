/// The verbalizer component `automatic`: PETAL (Schick, Schmid and Schuetze 2020, "Automatically identifying
/// words that can serve as labels for few-shot text classification"). Label words are found on the training
/// examples before the tuner is trained; then they are scored like words of one token in the verbalizer
/// `manual`.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "word_search.hpp"

namespace cuecard::automatic {

class Automatic final : public Verbalizer {
public:
  explicit Automatic(const Options& options);

  /// DataError for a task without labels, UsageError for a model without a head over the vocabulary. The words
  /// of the task file are ignored.
  void prepare(const VerbalizerTarget& target) override;
  /// Logits of the words that were found.
  OutputRequest output_request() const override;

  /// Before training: finds the words, then calibrates. DataError when a label has no example, when the
  /// vocabulary has no usable word, and when two labels get the same words.
  void fit(const VerbalizerFitArgs& args) override;

  /// `outputs` [A, U], one answer per example. UsageError before words were found.
  Scores score(const ScoreArgs& args) const override;
  at::Tensor loss(const LossArgs& args) const override;
  /// The label's best word; its name before words were found.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// The words as texts, and the calibration.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  void set_words(const std::vector<std::vector<std::string>>& words);
  void update_prior();

  SearchSettings settings_;
  Calibration calibration_;

  const Vocabulary* vocabulary_ = nullptr;
  at::Device device_ = at::kCPU;
  std::vector<std::string> labels_;
  std::vector<std::string> answers_; ///< by label, leading space included
  LabelWords words_;                 ///< empty before the search
  WordScores scores_;
  at::Tensor prior_; ///< [1, W] float32 or undefined
};

/// By token id, the words of a vocabulary that can be label words: single tokens with a leading space and at
/// least two letters (PETAL's filter). Other tokens are "".
std::vector<std::string> whole_words(const Vocabulary& vocabulary);

} // namespace cuecard::automatic
