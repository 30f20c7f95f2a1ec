/// The tuner `my-plugin`: a soft prompt. Virtual tokens are prepended to every prompt, and their embeddings are trained while the
/// model stays frozen (Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning", section 2).
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace my_plugin {

class MyPlugin final : public cuecard::Tuner {
public:
  explicit MyPlugin(const cuecard::Options& options);

  void prepare(const cuecard::Problem& problem) override;
  cuecard::FitRequest defaults(const cuecard::FitRequest& request) const override;
  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs& args) const override;
  cuecard::Conditioning condition(const cuecard::ConditionArgs& args) const override;
  std::vector<cuecard::ParameterGroup> parameters() override;
  cuecard::ComponentState state(int64_t task) const override;
  void load_state(const cuecard::ComponentState& state) override;

private:
  int64_t length_;
  int64_t first_slot_ = 0; ///< soft slots before it are the template's own
  at::Tensor prompt_;      ///< [first_slot_ + length_, embedding width] float32
};

} // namespace my_plugin
