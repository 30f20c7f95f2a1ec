/// Fine-tuning (Devlin et al. 2019, section 4): the model's own weights are learned, all of them or its bias
/// terms alone (BitFit, Ben Zaken et al. 2022), or nothing but the verbalizer's head.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/own_weights.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class FineTuning final : public Tuner {
public:
  explicit FineTuning(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(int64_t, const Pass&) const override { return {}; }
  TensorMap replaced_weights() const override { return weights_.tensors(); }
  std::vector<ParameterGroup> parameters() override { return weights_.groups(1.0, weight_decay_); }
  FitSettings defaults(const FitSettings& asked) const override;
  /// The weights that differ from the model's, and how many they are.
  Learned export_learned(int64_t task) const override;
  void import_learned(const Learned& learned) override { weights_.take_from(learned); }

private:
  bool learns(const std::string& name) const;

  std::string what_;
  double weight_decay_;
  int64_t model_width_ = 0;
  OwnWeights weights_;
};

} // namespace cuecard
