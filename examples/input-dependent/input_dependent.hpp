/// The tuner `input-dependent` (Wu et al. 2022, "IDPG: An Instance-Dependent Prompt Generation Method", arXiv 2204.04497): a small
/// network, the generator, computes the soft prompt of each input from features of that input in the frozen model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/parts/layers/layers.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/tuner.hpp>

namespace input_dependent {

class InputDependent final : public cuecard::Tuner {
public:
  explicit InputDependent(const cuecard::Options& options);

  void prepare(const cuecard::Problem& problem) override;
  cuecard::FitRequest defaults(const cuecard::FitRequest& request) const override;
  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs& args) const override;
  cuecard::InputFeatures input_features() const override;
  cuecard::Conditioning condition(const cuecard::ConditionArgs& args) const override;
  /// W_1, b_1 and W_2 with weight decay, then the rows without.
  std::vector<cuecard::ParameterGroup> parameters() override;
  cuecard::ComponentState state(int64_t task) const override;
  void load_state(const cuecard::ComponentState& state) override;

private:
  cuecard::NamedTensors named_tensors() const;

  int64_t length_, bottleneck_;
  bool from_states_; ///< the features are hidden states, not word embeddings
  double weight_decay_;
  int64_t first_slot_ = 0; ///< soft slots before it are the template's own; n = first_slot_ + length_ in all
  // Float32; W is the embedding width, F the width of the features.
  cuecard::Linear down_; ///< [bottleneck, F] W_1, with a bias b_1
  at::Tensor up_;        ///< [n * W, bottleneck] W_2
  at::Tensor rows_;      ///< [n, W] the bias b_2 of W_2, shared by all inputs
};

} // namespace input_dependent
