/// Late prompt tuning (Liu et al. 2022): virtual tokens that enter the model at a middle layer, the same for
/// every input or computed from its hidden states there.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class LatePromptTuning final : public Tuner {
public:
  explicit LatePromptTuning(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  InputFeatures input_features() const override;
  Conditioning condition(const ConditionArgs& args) const override;
  std::vector<ParameterGroup> parameters() override;
  FitRequest defaults(const FitRequest& request) const override;
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override;

private:
  /// The trained tensors, by their names in a card.
  NamedTensors named_tensors() const;

  int64_t length_, requested_layer_;
  bool generates_;
  int64_t bottleneck_;
  double dropout_;
  std::string init_;
  double weight_decay_;

  int64_t hidden_ = 0;
  int64_t layer_ = 0;          ///< the first layer that sees the virtual tokens, from 1
  int64_t template_slots_ = 0; ///< soft slots of the template, 0 to template_slots_ - 1: ordinary ones
  // Float32.
  at::Tensor prompt_; ///< [length_, hidden], unless they are generated
  Linear down_, up_;  ///< of the generator: [bottleneck, hidden], [length_ * hidden, bottleneck], with biases
  at::Tensor slots_;  ///< [template_slots_, embedding width]; undefined if there are none
};

} // namespace cuecard
