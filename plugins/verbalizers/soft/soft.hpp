/// The verbalizer component `soft`: WARP (Hambardzumyan, Khachatrian and May 2021, "WARP: word-level
/// adversarial reprogramming", section 3). Each label has a vector of its own in place of a word's row of the
/// model's output matrix; its score is the product with what the output rows are multiplied with, behind the
/// head's transform.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::soft {

class Soft final : public Verbalizer {
public:
  explicit Soft(const Options& options);

  /// A label's vector starts as the mean of the output rows of its first word's tokens (OpenPrompt,
  /// SoftVerbalizer). Labels and words are required as in `manual`.
  void prepare(const VerbalizerTarget& target) override;
  Readout readout() const override { return {Readout::Kind::transformed, {}}; }

  /// `values` [A, W], one answer per example.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override;
  /// `vectors` [labels, W] float32.
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  std::string prefix_;
  double learning_rate_scale_;
  std::vector<std::string> first_words_;
  at::Tensor vectors_; ///< [labels, W] float32
};

} // namespace cuecard::soft
