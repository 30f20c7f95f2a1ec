/// The tuner `residual-prompt-tuning` (Razdaibiedina et al. 2023, "Residual Prompt Tuning: Improving Prompt Tuning with Residual
/// Reparameterization", arXiv 2305.03937). During training, a soft prompt P passes through a small network with a skip connection.
/// The network's input does not depend on the text, so a card stores its output and needs no network (section 3.3).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/tuner.hpp>

namespace residual_prompt_tuning {

/// P + LayerNorm(W_up relu(W_down P)), the same for each row of P (section 3.1; ReLU and layer norm: section 3.2).
struct Residual {
  cuecard::Linear down, up; ///< [bottleneck, W] and [W, bottleneck], with biases as in the authors' code
  cuecard::LayerNorm norm;

  at::Tensor operator()(const at::Tensor& rows) const;
  std::vector<at::Tensor*> tensors() {
    return {&down.weight, &down.bias, &up.weight, &up.bias, &norm.weight, &norm.bias};
  }
};

class ResidualPromptTuning final : public cuecard::Tuner {
public:
  explicit ResidualPromptTuning(const cuecard::Options& options);

  void prepare(const cuecard::Problem& problem) override;
  cuecard::FitRequest defaults(const cuecard::FitRequest& request) const override;
  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs& args) const override;
  cuecard::Conditioning condition(const cuecard::ConditionArgs& args) const override;
  /// The rows, then the network's tensors as `Residual::tensors` lists them.
  std::vector<cuecard::ParameterGroup> parameters() override;
  cuecard::ComponentState state(int64_t task) const override;
  void load_state(const cuecard::ComponentState& state) override;

private:
  int64_t length_, bottleneck_;
  double gain_, weight_decay_;
  int64_t first_slot_ = 0;          ///< soft slots before it are the template's own
  at::Tensor rows_;                 ///< [first_slot_ + length_, W] float32: P, or the soft prompt itself
  std::optional<Residual> network_; ///< none after `load_state`
};

} // namespace residual_prompt_tuning
