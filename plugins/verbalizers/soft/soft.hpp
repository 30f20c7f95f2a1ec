/// The verbalizer component `soft`: WARP (Hambardzumyan, Khachatrian and May 2021, "WARP: word-level
/// adversarial reprogramming", section 3). Each label has a trained vector instead of a word's output
/// embedding; its score is the dot product with the hidden state after the head's transform.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/multi_label.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::soft {

class Soft final : public Verbalizer {
public:
  explicit Soft(const Options& options);

  /// A label's vector is initialised to the mean output embedding of its first word's tokens (OpenPrompt,
  /// SoftVerbalizer). Labels and words as in `manual`.
  void prepare(const VerbalizerTarget& target) override;
  bool supports_multi_label() const override { return true; }
  OutputRequest output_request() const override { return {OutputRequest::Kind::transformed_states, {}}; }

  /// `outputs` [A, W], one answer per example.
  Scores score(const ScoreArgs& args) const override;
  /// Cross-entropy; MultiLabel::loss with several labels per example.
  at::Tensor loss(const LossArgs& args) const override;
  std::vector<Decision> decide(const DecideArgs& args) const override;
  /// With several labels per example, chooses the threshold after training.
  void fit(const VerbalizerFitArgs& args) override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override;
  /// `vectors` [labels, W] float32. `threshold`: MultiLabel::save.
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  std::string prefix_;
  double learning_rate_scale_;
  std::vector<std::string> first_words_;
  at::Tensor vectors_; ///< [labels, W] float32
  std::optional<MultiLabel> multi_label_;
};

} // namespace cuecard::soft
