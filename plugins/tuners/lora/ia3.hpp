/// (IA)^3 (Liu et al. 2022): trains vectors that rescale keys, values and the inner activations of the feed-forward network.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class Ia3 final : public Tuner {
public:
  explicit Ia3(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(const ConditionArgs& args) const override;
  std::vector<ParameterGroup> parameters() override;
  FitRequest defaults(const FitRequest& request) const override;
  /// `WEIGHT.output` [out] or `WEIGHT.input` [in] of each targeted layer.
  ComponentState state(int64_t task) const override;
  /// Each layer is rescaled on the side that the state has factors for.
  void load_state(const ComponentState& state) override;
  /// Rescalings of exactly the targeted layers, of either side.
  bool adopt(const Conditioning& trained, std::string& why) override;

private:
  struct Factors {
    LinearLayer layer;
    bool of_input = false;
    at::Tensor values; ///< [out] or [in]
  };

  void set(Factors& factors, bool of_input, const at::Tensor& values) const;

  std::string targets_, feed_forward_;
  double weight_decay_;
  at::Device device_ = at::kCPU;
  std::vector<Factors> factors_; ///< in the backbone's order
};

} // namespace cuecard
