/// Prompt tuning (Lester, Al-Rfou & Constant 2021): the only trainable parameters are the embeddings of virtual
/// tokens, prepended to the input or wherever the template has soft slots.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PromptTuning final : public Tuner {
public:
  explicit PromptTuning(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  Conditioning condition(const ConditionArgs& args) const override;
  std::vector<ParameterGroup> parameters() override;
  FitRequest defaults(const FitRequest& request) const override;
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override;
  bool adopt(const Conditioning& trained, std::string& why) override;

private:
  /// Virtual tokens of one soft prompt: the template's and the prepended ones.
  int64_t slots_per_prompt() const { return template_slots_ + length_; }

  int64_t requested_length_, prompts_;
  std::string init_, init_text_;
  double weight_decay_;
  int64_t model_width_ = 0;
  int64_t template_slots_ = 0; ///< soft slots of the template, 0 to template_slots_ - 1
  int64_t length_ = 0;         ///< prepended virtual tokens; slots from template_slots_ on
  /// [prompts_ * slots_per_prompt(), embedding width], float32: the soft prompts, concatenated. The members of
  /// an ensemble are variants of each example's prompt, and their slots are numbered consecutively.
  at::Tensor prompt_;
};

} // namespace cuecard
