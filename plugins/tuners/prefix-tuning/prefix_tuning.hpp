/// Prefix-Tuning (Li & Liang 2021): trainable keys and values that precede those of every layer, reparametrised
/// by a small network during training (section 4.3).
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/training/trainable_prefix.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PrefixTuning final : public Tuner {
public:
  explicit PrefixTuning(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(const ConditionArgs& args) const override { return prefixes_.condition(args.pass); }
  std::vector<ParameterGroup> parameters() override { return {{prefixes_.parameters(), 1.0, weight_decay_}}; }
  FitRequest defaults(const FitRequest& request) const override;
  ComponentState state(int64_t) const override { return prefixes_.state(); }
  void load_state(const ComponentState& state) override { prefixes_.load_state(state); }
  bool adopt(const Conditioning& trained, std::string& why) override { return prefixes_.adopt(trained, why); }

private:
  bool enabled(PrefixSite site) const;
  bool initialised_from_text(const Problem& problem) const;
  TrainablePrefix initial(const BackboneShape::Site& site, const Problem& problem) const;
  /// The model's own keys and values of init-text at `site`, repeated or truncated to the length.
  at::Tensor values_of_text(PrefixSite site, const Problem& problem) const;

  int64_t requested_length_, mid_dim_;
  bool projection_;
  std::string init_, init_text_;
  double dropout_, weight_decay_;
  bool self_, encoder_, cross_, count_positions_;
  int64_t length_ = 0; ///< number of virtual tokens
  int64_t model_width_ = 0;
  TrainablePrefixes prefixes_;
};

} // namespace cuecard
