/// The verbalizer component `label-text`: a label's score is the log-likelihood of its whole text in the answer
/// slot (teacher forcing; OpenPrompt's GenerationVerbalizer).
///
/// With t_1 ... t_n the tokens of a label's text after the prompt x:
///   score(label) = sum over i of log p(t_i | x, t_1 ... t_(i-1)), divided by n with `normalise`
///   calibrated:   minus the same for the content-free prompt
/// (calibration: Zhao et al. 2021; Holtzman et al. 2021, equation 3).
/// The texts of all labels follow one prompt, which is computed once per example. With the option `choices` the
/// texts are a list of alternatives of the example, and label k is the k-th of them.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::label_text {

class LabelText final : public Verbalizer {
public:
  explicit LabelText(const Options& options);

  /// A label's text is its first entry under `words` in the task file, else its name. DataError for a task
  /// without labels; UsageError for a model without a head, a text that the vocabulary can't encode, two equal
  /// texts, and for calibration with `choices`.
  void prepare(const VerbalizerTarget& target) override;
  OutputRequest output_request() const override;

  /// One text per label; for training by likelihood the gold label's alone. DataError for an example whose list
  /// of alternatives is missing or does not match the labels.
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override;
  /// Calibrates on the content-free prompt when the option `calibrate` is `blank`.
  void calibrate(Scorer& scorer) override;

  /// `outputs` [A]: log-probabilities of the tokens of every entry's answer.
  Scores score(const ScoreArgs& args) const override;
  /// `labels`: cross-entropy among the labels. `likelihood`: minus the mean score of the gold texts.
  at::Tensor loss(const LossArgs& args) const override;
  /// A label without an alternative in the example has probability 0.
  std::vector<Decision> decide(const DecideArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [labels] float32: scores for content-free input.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  int64_t labels() const { return static_cast<int64_t>(labels_.size()); }
  /// `word` with the prefix.
  std::string prefixed(const std::string& word) const;
  /// The candidate texts of `example`, prefix included.
  std::vector<std::string> texts_of(const Example& example) const;
  /// Score of each entry, [entries].
  at::Tensor entry_scores(const at::Tensor& log_probs, const Batch& batch) const;

  bool normalise_, likelihood_, calibrate_;
  std::string prefix_, choices_;
  std::vector<std::string> labels_;
  std::vector<std::string> texts_; ///< by label, prefix included; empty with `choices`
  at::Device device_ = at::kCPU;
  at::Tensor calibration_; ///< [labels] float32, or undefined
};

} // namespace cuecard::label_text
