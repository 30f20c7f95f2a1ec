/// P-tuning v2 (Liu et al. 2022): trainable prompts in every layer, without reparametrisation by default, for
/// language understanding.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PTuningV2 final : public Tuner {
public:
  explicit PTuningV2(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(const ConditionArgs& args) const override { return prefixes_.condition(args.pass); }
  std::vector<ParameterGroup> parameters() override { return {{prefixes_.parameters(), 1.0, weight_decay_}}; }
  FitRequest defaults(const FitRequest& request) const override;
  ComponentState state(int64_t) const override { return prefixes_.state(); }
  void load_state(const ComponentState& state) override { prefixes_.load_state(state); }
  bool adopt(const Conditioning& trained, std::string& why) override { return prefixes_.adopt(trained, why); }

private:
  int64_t length_, prefix_hidden_;
  bool projection_, count_positions_;
  double dropout_, weight_decay_;
  int64_t model_width_ = 0;
  TrainablePrefixes prefixes_; ///< shared by all tasks of a run
};

} // namespace cuecard
