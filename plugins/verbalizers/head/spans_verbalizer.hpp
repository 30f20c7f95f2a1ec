/// The verbalizer component `spans`: a linear layer that scores each token of a field as the beginning and as
/// the end of the answer (Devlin et al. 2019, section 4.2). With several prompts per example, windows of a long
/// text, the softmax is over the tokens of all of them (Clark and Gardner 2018, section 3.2, shared
/// normalisation).
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"

namespace cuecard::head {

class SpansVerbalizer final : public Verbalizer {
public:
  explicit SpansVerbalizer(const Options& options);

  void prepare(const VerbalizerTarget& target) override;
  OutputPositions output_positions() const override { return {OutputPositions::Kind::tokens, field_}; }
  int64_t num_answer_slots() const override { return 0; }
  OutputRequest output_request() const override { return {OutputRequest::Kind::hidden_states, {}}; }

  /// Always empty; DataError in training when no gold answer is a part of the field.
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override;

  /// `outputs` [A, H], one per token. Two decisions per example, over the tokens of all its prompts: where the
  /// answer begins, and where it ends.
  Scores score(const ScoreArgs& args) const override;
  /// Mean over the examples' decisions of the negative logarithm of the total probability of all gold tokens; a
  /// token is gold in each prompt that contains the whole answer. Examples whose answers were truncated are
  /// ignored.
  at::Tensor loss(const LossArgs& args) const override;
  /// The number of examples in the loss.
  double weight(const Batch& batch) const override;
  /// The part of the field between the likeliest pair of tokens of one prompt, where the end does not precede
  /// the beginning and the answer has at most `max-tokens` tokens; `value` is the logarithm of its probability.
  std::vector<Decision> decide(const DecideArgs& args) const override;
  /// UsageError: there are no labels.
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  ComponentState state() const override { return classifier_.state(); }
  void load_state(const ComponentState& saved) override { classifier_.load_state(saved, "spans"); }

private:
  std::string field_;
  int64_t max_tokens_;
  Classifier classifier_;
};

} // namespace cuecard::head
