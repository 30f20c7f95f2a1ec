/// The verbalizer component `prototypical`: ProtoVerb (Cui et al. 2022). While the tuner is trained, label
/// words are scored as in the verbalizer `manual`; then prototypes are trained on the hidden states of the
/// training examples at the answer slot, and the nearest prototype is the prediction.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "prototypes.hpp"

namespace cuecard::prototypical {

class Prototypical final : public Verbalizer {
public:
  explicit Prototypical(const Options& options);

  /// Labels and words as in `manual`; a model without a head has prototypes only. UsageError for
  /// prototypes-and-words with two labels: a standardised pair of scores has only a sign, so a disagreement
  /// would be a tie.
  void prepare(const VerbalizerTarget& target) override;
  /// Logits of the label words before there are prototypes, then hidden states.
  OutputRequest output_request() const override;

  void calibrate(Scorer& scorer) override;
  /// Before training: discards prototypes, calibrates. After training: trains prototypes on up to
  /// `rows-per-label` examples of each label. DataError when a label has none.
  void fit(const VerbalizerFitArgs& args) override;

  Scores score(const ScoreArgs& args) const override;
  at::Tensor loss(const LossArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `projection` [dimension, width], `prototypes` [labels, dimension], `calibration` [U]; with words also
  /// `word_rows` [U, width] and `word_bias` [U], which give the words' logits from hidden states.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  void update_prior();
  at::Tensor word_scores(const at::Tensor& tokens) const; ///< [A, U] to [A, labels]
  void train(Scorer& scorer, const std::vector<const Example*>& examples);
  void fit_word_layer(Scorer& scorer, const std::vector<const Example*>& examples, const at::Tensor& states);

  PrototypeSettings settings_;
  int64_t examples_per_label_;
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
  at::Tensor word_weight_, word_bias_;
};

} // namespace cuecard::prototypical
