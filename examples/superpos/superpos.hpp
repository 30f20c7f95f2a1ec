/// The tuner `superpos` (Sadraei Javaheri et al. 2024, "SuperPos-Prompt: Enhancing Soft Prompt Tuning of Language Models with Superposition
/// of Multi Token Embeddings", arXiv 2406.05279). Each virtual token is a weighted sum of the embeddings of the same m
/// sampled words; the weights are trained, along with offsets of the embeddings. A card stores only the sums.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace superpos {

class Superpos final : public cuecard::Tuner {
public:
  explicit Superpos(const cuecard::Options& options);

  void prepare(const cuecard::Problem& problem) override;
  cuecard::FitRequest defaults(const cuecard::FitRequest& request) const override;
  void edit(std::vector<cuecard::Prompt>& prompts, const cuecard::EditArgs& args) const override;
  cuecard::Conditioning condition(const cuecard::ConditionArgs& args) const override;
  /// The weights, then the offsets if there are any, with their weight decay.
  std::vector<cuecard::ParameterGroup> parameters() override;
  cuecard::ComponentState state(int64_t task) const override;
  void load_state(const cuecard::ComponentState& state) override;

private:
  int64_t length_, count_;
  std::string start_;
  bool with_offsets_;
  double offset_decay_;
  int64_t first_slot_ = 0; ///< soft slots before it are the template's own; n = first_slot_ + length_ in all
  // Float32; W is the embedding width.
  at::Tensor embeddings_; ///< [m, W] E, of the sampled tokens; frozen
  at::Tensor weights_;    ///< [n, m] p', or undefined after `load_state`
  at::Tensor offsets_;    ///< [n, m, W] Delta E, of each virtual token, or undefined
  at::Tensor prompt_;     ///< [n, W] the loaded soft prompt, which is then trained itself, or undefined
};

} // namespace superpos
