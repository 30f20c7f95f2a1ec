/// Sparse mixture of prompts (Choi et al. 2023): several short soft prompts, and a linear router that picks one
/// of them for each input.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class Smop final : public Tuner {
public:
  explicit Smop(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  InputFeatures input_features() const override;
  Conditioning condition(const ConditionArgs& args) const override;
  std::vector<ParameterGroup> parameters() override;
  FitRequest defaults(const FitRequest& request) const override;
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override;

private:
  /// [inputs, prompts] probabilities of the prompts for each input, perturbed in a training pass.
  at::Tensor route(const at::Tensor& inputs, const Pass& pass) const;
  /// The trained tensors, by their names in a card.
  NamedTensors named_tensors() const;

  int64_t count_, length_;
  std::string noise_;
  double noise_deviation_, weight_decay_;
  int64_t model_width_ = 0;
  int64_t template_slots_ = 0; ///< soft slots of the template, 0 to template_slots_ - 1
  // Float32; W is the embedding width.
  at::Tensor prompts_; ///< [count_, length_, W]
  at::Tensor router_;  ///< [count_, W], without a bias
  at::Tensor slots_;   ///< [template_slots_, W], the same for every input; undefined if there are none
};

} // namespace cuecard
