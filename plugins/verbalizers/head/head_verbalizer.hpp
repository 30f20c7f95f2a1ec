/// The verbalizer component `head`: trained layers on the hidden state of the whole input, as in BERT's
/// fine-tuning recipe (Devlin et al. 2019, section 4.1). A template needs no answer slot.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/multi_label.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"
#include "input_state.hpp"

namespace cuecard::head {

class HeadVerbalizer final : public Verbalizer {
public:
  explicit HeadVerbalizer(const Options& options);

  /// DataError for a task without labels. UsageError: see InputState.
  void prepare(const VerbalizerTarget& target) override;
  OutputPositions output_positions() const override { return state_.output_positions(); }
  int64_t num_answer_slots() const override { return 0; }
  bool supports_multi_label() const override { return true; }
  OutputRequest output_request() const override { return state_.output_request(); }

  /// `outputs` [A, H], one per entry.
  Scores score(const ScoreArgs& args) const override;
  /// Cross-entropy with batch.labels; examples without a label are ignored. MultiLabel::loss with several labels per example.
  at::Tensor loss(const LossArgs& args) const override;
  std::vector<Decision> decide(const DecideArgs& args) const override;
  /// With several labels per example, chooses the threshold after training.
  void fit(const VerbalizerFitArgs& args) override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  bool transform_;
  InputState state_;
  Classifier classifier_;
  std::optional<MultiLabel> multi_label_;
  std::vector<std::string> answers_;
};

} // namespace cuecard::head
