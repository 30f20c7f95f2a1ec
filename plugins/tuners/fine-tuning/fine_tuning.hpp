/// Fine-tuning (Devlin et al. 2019, section 4): trains the model's weights, all of them or only the bias terms
/// (BitFit, Ben Zaken et al. 2022), or only the verbalizer's head.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/own_weights.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class FineTuning final : public Tuner {
public:
  explicit FineTuning(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(const ConditionArgs&) const override { return {}; }
  TensorMap replaced_weights() const override { return weights_.tensors(); }
  std::vector<ParameterGroup> parameters() override { return weights_.groups(1.0, weight_decay_); }
  FitRequest defaults(const FitRequest& request) const override;
  /// The weights that differ from the model's, and their count as a text.
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override { weights_.take_from(state); }

private:
  bool trains(const std::string& name) const;

  std::string what_;
  double weight_decay_;
  int64_t model_width_ = 0;
  OwnWeights weights_;
};

} // namespace cuecard
