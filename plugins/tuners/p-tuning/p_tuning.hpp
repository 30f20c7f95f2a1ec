/// P-tuning (Liu et al. 2021, "GPT Understands, Too"): pseudo tokens anywhere in a template, whose embeddings
/// come out of an encoder while they are learned (section 3.2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/own_weights.hpp>
#include <cuecard/parts/reparametrisation.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PTuning final : public Tuner {
public:
  explicit PTuning(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  Conditioning condition(int64_t task, const Pass& pass) const override;
  TensorMap replaced_weights() const override { return model_.tensors(); }
  std::vector<ParameterGroup> parameters() override;
  FitSettings defaults(const FitSettings& asked) const override;
  Learned export_learned(int64_t task) const override;
  void import_learned(const Learned& learned) override;
  bool adopt(const Conditioning& learned, std::string& why) override;

private:
  /// Rows [n, W] -> [n, W].
  struct Encoder {
    std::optional<BidirectionalLstm> lstm;
    std::vector<Linear> maps; ///< ReLU between them
    at::Tensor operator()(const at::Tensor& rows) const;
    std::vector<at::Tensor*> tensors();
  };

  /// From now on `prompt` itself is what is learned.
  void collapse(const at::Tensor& prompt);

  int64_t asked_length_;
  std::string encoder_kind_;
  int64_t asked_hidden_, maps_;
  double weight_decay_;
  bool tunes_model_;
  double model_scale_, model_decay_;
  OwnWeights model_; ///< of a jointly tuned model
  int64_t model_width_ = 0;
  int64_t template_slots_ = 0; ///< rows that the template placed; numbers 0 to template_slots_ - 1
  int64_t length_ = 0;         ///< rows in front; numbers from template_slots_ on
  at::Tensor rows_; ///< [template_slots_ + length_, W]; what the encoder is given, or the prompt itself
  std::optional<Encoder> encoder_;
};

} // namespace cuecard
