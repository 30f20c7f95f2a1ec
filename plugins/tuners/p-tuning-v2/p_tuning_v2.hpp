/// P-tuning v2 (Liu et al. 2022): prompts in every layer of an understanding model, learned directly.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/learned_prefix.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PTuningV2 final : public Tuner {
public:
  explicit PTuningV2(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(int64_t, const Pass& pass) const override { return prompts_.condition(pass); }
  std::vector<ParameterGroup> parameters() override { return {{prompts_.parameters(), 1.0, weight_decay_}}; }
  FitSettings defaults(const FitSettings& asked) const override;
  Learned export_learned(int64_t) const override { return prompts_.export_learned(); }
  void import_learned(const Learned& learned) override { prompts_.import_learned(learned); }
  bool adopt(const Conditioning& learned, std::string& why) override { return prompts_.adopt(learned, why); }

private:
  int64_t length_, prefix_hidden_;
  bool projection_, count_positions_;
  double dropout_, weight_decay_;
  int64_t model_width_ = 0;
  LearnedPrefixes prompts_; ///< the same for all tasks of a run
};

} // namespace cuecard
