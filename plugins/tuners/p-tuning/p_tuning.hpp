/// P-tuning (Liu et al. 2021, "GPT Understands, Too"): virtual tokens anywhere in a template, whose embeddings
/// are the output of an encoder during training (section 3.2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/own_weights.hpp>
#include <cuecard/parts/training/reparametrisation.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PTuning final : public Tuner {
public:
  explicit PTuning(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  Conditioning condition(const ConditionArgs& args) const override;
  TensorMap replaced_weights() const override { return model_.tensors(); }
  std::vector<ParameterGroup> parameters() override;
  FitRequest defaults(const FitRequest& request) const override;
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override;
  bool adopt(const Conditioning& trained, std::string& why) override;

private:
  /// Embeddings [n, W] to embeddings [n, W].
  struct Encoder {
    std::optional<BidirectionalLstm> lstm;
    std::vector<Linear> maps; ///< with ReLU between them
    at::Tensor operator()(const at::Tensor& embeddings) const;
    std::vector<at::Tensor*> tensors();
  };

  /// Removes the encoder: from now on `prompt` itself is trained.
  void train_directly(const at::Tensor& prompt);

  int64_t requested_length_;
  std::string encoder_kind_;
  int64_t requested_hidden_, num_maps_;
  double weight_decay_;
  bool tune_model_;
  double model_lr_scale_, model_decay_;
  OwnWeights model_; ///< with tune-model: the trainable copy of the model's weights
  int64_t model_width_ = 0;
  int64_t template_slots_ = 0; ///< soft slots of the template, 0 to template_slots_ - 1
  int64_t length_ = 0;         ///< prepended virtual tokens; slots from template_slots_ on
  at::Tensor prompt_; ///< [template_slots_ + length_, W]: input of the encoder, or the soft prompt itself
  std::optional<Encoder> encoder_;
};

} // namespace cuecard
