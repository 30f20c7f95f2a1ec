/// The verbalizer component `choices`: a trained linear layer scores the hidden state of each prompt of an
/// example, and the largest score is the answer. A template with choice items gives a prompt per alternative;
/// the label is the alternative's number.
///
/// With h_k the state of the k-th prompt: p(k) = exp(w h_k + b) / sum over j of exp(w h_j + b) (Devlin et al.
/// 2019, section 4.4; the multiple-choice head of P-tuning v2).
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"
#include "input_state.hpp"

namespace cuecard::head {

class ChoicesVerbalizer final : public Verbalizer {
public:
  explicit ChoicesVerbalizer(const Options& options);

  /// DataError for a task that names fewer than two labels. UsageError: see InputState.
  void prepare(const VerbalizerTarget& target) override;
  OutputPositions output_positions() const override { return state_.output_positions(); }
  int64_t num_answer_slots() const override { return 0; }
  OutputRequest output_request() const override { return state_.output_request(); }

  /// `outputs` [A, H], one per prompt; a decision per example. UsageError for an example with one prompt.
  Scores score(const ScoreArgs& args) const override;
  /// Cross-entropy among the alternatives; examples without a label are ignored.
  at::Tensor loss(const LossArgs& args) const override;
  /// A label without an alternative in the example has probability 0.
  std::vector<Decision> decide(const DecideArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  ComponentState state() const override { return classifier_.state(); }
  void load_state(const ComponentState& saved) override { classifier_.load_state(saved, "choices"); }

private:
  InputState state_;
  Classifier classifier_;
  std::vector<std::string> answers_;
};

} // namespace cuecard::head
