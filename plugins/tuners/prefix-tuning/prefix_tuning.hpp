/// Prefix-Tuning (Li & Liang 2021): keys and values in front of every layer's own, which come out of a small
/// network while they are learned (section 4.3).
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/parts/learned_prefix.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PrefixTuning final : public Tuner {
public:
  explicit PrefixTuning(const Options& options);

  void prepare(const Problem& problem) override;
  Conditioning condition(int64_t, const Pass& pass) const override { return prefixes_.condition(pass); }
  std::vector<ParameterGroup> parameters() override { return {{prefixes_.parameters(), 1.0, weight_decay_}}; }
  FitSettings defaults(const FitSettings& asked) const override;
  Learned export_learned(int64_t) const override { return prefixes_.export_learned(); }
  void import_learned(const Learned& learned) override { prefixes_.import_learned(learned); }
  bool adopt(const Conditioning& learned, std::string& why) override { return prefixes_.adopt(learned, why); }

private:
  bool wants(PrefixSite site) const;
  bool starts_from_words(const Problem& problem) const;
  LearnedPrefix initial(const BackboneShape::Site& site, const Problem& problem) const;
  /// The model's own keys and values at `site` of the words of init-text, repeated or cut to the length.
  at::Tensor spelled(PrefixSite site, const Problem& problem) const;

  int64_t asked_length_, mid_dim_;
  bool projection_;
  std::string init_, init_text_;
  double dropout_, weight_decay_;
  bool self_, encoder_, cross_, count_positions_;
  int64_t length_ = 0; ///< rows in front of every layer's own
  int64_t model_width_ = 0;
  LearnedPrefixes prefixes_;
};

} // namespace cuecard
