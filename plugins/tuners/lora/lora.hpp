/// LoRA (Hu et al. 2021): trains low-rank updates of linear layers, y = W x + b + s B A dropout(x).
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class Lora final : public Tuner {
public:
  explicit Lora(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(const ConditionArgs& args) const override;
  std::vector<ParameterGroup> parameters() override;
  FitRequest defaults(const FitRequest& request) const override;
  /// `WEIGHT.a` [r, in] and `WEIGHT.b` [out, r] of each targeted layer.
  ComponentState state(int64_t task) const override;
  void load_state(const ComponentState& state) override;
  /// Low-rank updates of exactly the targeted layers, with ranks up to `rank`. Scales other than this tuner's are folded into B.
  bool adopt(const Conditioning& trained, std::string& why) override;

private:
  struct Update {
    LinearLayer layer;
    at::Tensor a, b; ///< [r, in], [out, r]; r is `rank_`, or less in an adopted state
  };

  /// Makes `a` and `b` the trained tensors of `update`.
  void set(Update& update, const at::Tensor& a, const at::Tensor& b) const;

  int64_t rank_;
  double dropout_, weight_decay_;
  double scale_; ///< s: alpha / r, with rs-lora alpha / sqrt(r)
  std::string targets_;
  int64_t model_width_ = 0;
  at::Device device_ = at::kCPU;
  std::vector<Update> updates_; ///< in the backbone's order
};

} // namespace cuecard
