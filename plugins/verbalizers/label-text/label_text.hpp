/// The verbalizer component `label-text`: a label's whole text stands in the answer slot, and its score is how
/// likely the model finds it there, token after token (teacher forcing; OpenPrompt's GenerationVerbalizer).
///
/// With t_1 ... t_n the tokens of a label's text behind the prompt x:
///   score(label) = sum over i of log p(t_i | x, t_1 ... t_(i-1)), divided by n where `normalise` says so
///   calibrated:   minus the same for the prompt without content (Zhao et al. 2021; Holtzman et al. 2021,
///                 equation 3)
/// All labels' texts stand behind one prompt, which is laid once per example. With the option `choices` the
/// texts are the example's own, a list of alternatives, and label k is the k-th of them.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::label_text {

class LabelText final : public Verbalizer {
public:
  explicit LabelText(const Options& options);

  /// A label's text is its first word (or words) in the task file, else its name. DataError for a task without
  /// labels; UsageError for a model without a head, a text that the vocabulary can't spell, two equal ones, and
  /// for calibrating texts that each example has of its own.
  void prepare(const VerbalizerTarget& target) override;
  Readout readout() const override;

  /// One text per label; for training by likelihood the right one alone. DataError for an example whose list of
  /// alternatives isn't there or doesn't fit the labels.
  std::vector<std::vector<std::string>> given_answers(const Example& example, bool learn) const override;
  /// Calibrates on the content-free prompt when the option `calibrate` is `blank`.
  void calibrate(Scorer& scorer) override;

  /// `values` [A]: log-probabilities of the tokens of every entry's answer.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  /// `labels`: cross-entropy among the labels. `likelihood`: minus the mean score of the right text.
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// A label that the example has no alternative for has probability 0.
  std::vector<Decision> decide(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [labels] float32: scores without content.
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  int64_t labels() const { return static_cast<int64_t>(labels_.size()); }
  /// `word` as it is encoded.
  std::string spelled(const std::string& word) const;
  /// The texts that compete for `example`, as they are encoded.
  std::vector<std::string> texts_of(const Example& example) const;
  /// Score of each entry, [entries].
  at::Tensor entry_scores(const at::Tensor& values, const Batch& batch) const;

  bool normalise_, likelihood_, calibrate_;
  std::string prefix_, choices_;
  std::vector<std::string> labels_;
  std::vector<std::string> texts_; ///< by label, as they are encoded; none with `choices`
  at::Device device_ = at::kCPU;
  at::Tensor calibration_; ///< [labels] float32, or undefined
};

} // namespace cuecard::label_text
