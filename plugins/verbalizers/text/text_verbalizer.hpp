/// The verbalizer component `text`: the model generates the answer, and is trained on the answers in the data.
///
/// Training loss: mean negative log-likelihood of the answers' tokens (teacher forcing).
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::text {

class TextVerbalizer final : public Verbalizer {
public:
  explicit TextVerbalizer(const Options& options);

  /// UsageError for a model that can't generate text.
  void prepare(const VerbalizerTarget& target) override;
  int64_t num_answer_slots() const override { return 0; }
  OutputRequest output_request() const override;

  /// In training the example's own answers, one per slot; DataError when it has none.
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override;

  /// `outputs` [A]: log-probabilities of the answers' tokens; a decision per entry.
  Scores score(const ScoreArgs& args) const override;
  at::Tensor loss(const LossArgs& args) const override;
  /// The number of answer tokens.
  double weight(const Batch& batch) const override;
  /// The name of the label, for demonstrations.
  std::vector<std::string> answer_text(int64_t label) const override;
  std::optional<GenerateSettings> generation() const override { return settings_; }

private:
  GenerateSettings settings_;
  std::string prefix_;
  std::vector<std::string> labels_;
};

} // namespace cuecard::text
