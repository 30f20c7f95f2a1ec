/// The verbalizer component `spans`: a linear layer that scores each token of a field as the beginning and as
/// the end of the answer (Devlin et al. 2019, section 4.2). With several prompts per example, windows of a long
/// text, the softmax is over the tokens of all of them (Clark and Gardner 2018, section 3.2, shared
/// normalisation).
///
/// With the option `no-answer` a question may have no answer (Devlin et al. 2019, section 4.3): its answer is `[CLS]` alone, the
/// first token of an encoder, the last of a causal model. Each window is then an example of its own, as in BERT's run_squad.py: the
/// softmax is over its own tokens and `[CLS]`, which is the gold answer of every window without a whole gold answer. With the begin
/// and end scores S and E:
///   s_null = min over the windows of S[CLS] + E[CLS]
///   best   = max over the windows' pairs of S[i] + E[j]
/// and the answer is predicted where best > s_null + tau. tau is 0, or what maximises the mean F1 of the characters of predicted and
/// gold answers on the development set (where the script maximises the F1 of words), 1 where both are no answer.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"

namespace cuecard::head {

/// A question of the development set: best - s_null, and the values of giving its answer and of giving none.
struct AnsweredQuestion {
  double margin = 0, value_if_answered = 0, value_if_not = 0;
};
/// The tau for which answering where margin > tau gives the highest mean value. It lies halfway between two margins, or 1 beyond the
/// outermost; among equally good ones, it is the one nearest to 0.
double best_no_answer_threshold(std::vector<AnsweredQuestion> questions);

class SpansVerbalizer final : public Verbalizer {
public:
  explicit SpansVerbalizer(const Options& options);

  void prepare(const VerbalizerTarget& target) override;
  OutputPositions output_positions() const override {
    return {OutputPositions::Kind::tokens, field_, no_answer_};
  }
  int64_t num_answer_slots() const override { return 0; }
  OutputRequest output_request() const override { return {OutputRequest::Kind::hidden_states, {}}; }

  /// Always empty; DataError in training when no gold answer is a part of the field, unless there may be none.
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override;

  /// `outputs` [A, H], one per token. Two decisions per example, over the tokens of all its prompts, with `no-answer` two per
  /// prompt: where the answer begins, and where it ends.
  Scores score(const ScoreArgs& args) const override;
  /// Mean over the examples' decisions of the negative logarithm of the total probability of all gold tokens; a
  /// token is gold in each prompt that contains the whole answer. Examples whose answers were truncated are
  /// ignored.
  at::Tensor loss(const LossArgs& args) const override;
  /// The number of examples in the loss; of prompts with `no-answer`.
  double weight(const Batch& batch) const override;
  /// Chooses tau after training.
  void fit(const VerbalizerFitArgs& args) override;
  /// The part of the field between the most likely pair of tokens of one prompt, where the end does not precede
  /// the beginning and the answer has at most `max-tokens` tokens; `value` is the logarithm of its probability. "" for no answer,
  /// with the logarithm of the probability of `[CLS]`, twice, in the prompt of s_null.
  std::vector<Decision> decide(const DecideArgs& args) const override;
  /// UsageError: there are no labels.
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  /// With `no-answer` also `no-answer-threshold` [1] float64: tau.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  /// The best answer of an example and its null score.
  struct Found {
    const Example* example = nullptr;
    float score = -std::numeric_limits<float>::infinity(); ///< best
    float null = std::numeric_limits<float>::infinity();   ///< s_null
    double log_prob = 0, null_log_prob = 0;                ///< of the two, each in its own softmax
    int64_t begin = 0, end = 0;                            ///< bytes of the field
  };
  std::vector<Found> find(const Scores& scores, const Batch& batch) const;
  /// Byte-level F1 between the answer and the closest gold answer.
  double overlap(const Found& found) const;

  std::string field_;
  bool no_answer_;
  double threshold_ = 0; ///< tau
  int64_t max_tokens_;
  Classifier classifier_;
};

} // namespace cuecard::head
