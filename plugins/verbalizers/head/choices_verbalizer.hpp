/// The verbalizer component `choices`: one learned row scores the state of each of an example's prompts, and
/// the largest score is the answer. A template with choice items gives a prompt for each alternative; the label
/// is the alternative's number.
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

  /// DataError for a task that names fewer than two labels. UsageError as InputState has it.
  void prepare(const VerbalizerTarget& target) override;
  Reading reading() const override { return state_.reading(); }
  int64_t answers() const override { return 0; }
  Readout readout() const override { return state_.readout(); }

  /// `values` [A, H], one row per prompt; a decision per example. UsageError for an example of one prompt.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  /// Cross-entropy among the alternatives; rows without a label don't count.
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// A label that the example has no alternative for has probability 0.
  std::vector<Decision> decide(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  Learned export_learned() const override { return classifier_.export_learned(); }
  void import_learned(const Learned& learned) override { classifier_.import_learned(learned, "choices"); }

private:
  InputState state_;
  Classifier classifier_;
  std::vector<std::string> answers_;
};

} // namespace cuecard::head
