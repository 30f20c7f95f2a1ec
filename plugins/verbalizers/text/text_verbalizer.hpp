/// The verbalizer component `text`: the model writes the answer, and learns the answers that the data gives.
///
/// Training loss: mean over the answers' tokens of minus their log-probability (teacher forcing).
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::text {

class TextVerbalizer final : public Verbalizer {
public:
  explicit TextVerbalizer(const Options& options);

  /// UsageError for a model that can't write.
  void prepare(const VerbalizerTarget& target) override;
  int64_t answers() const override { return 0; }
  Readout readout() const override;

  /// In training the example's own answers, one per slot; DataError when it has none.
  std::vector<std::vector<std::string>> given_answers(const Example& example, bool learn) const override;

  /// `values` [A]: log-probabilities of the answers' tokens; a decision per entry.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// Tokens of answers.
  double weight(const Batch& batch) const override;
  /// The name of the label, for templates with demonstrations.
  std::vector<std::string> answer_text(int64_t label) const override;
  std::optional<GenerateSettings> generation() const override { return settings_; }

private:
  GenerateSettings settings_;
  std::string prefix_;
  std::vector<std::string> labels_;
};

} // namespace cuecard::text
