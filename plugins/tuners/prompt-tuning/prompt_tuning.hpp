/// Prompt tuning (Lester, Al-Rfou & Constant 2021): the only thing learned is one matrix of rows that stand
/// among the word embeddings, in front of the input or wherever the template has soft slots.
#pragma once

#include <string>

#include <cuecard/options.hpp>
#include <cuecard/tuner.hpp>

namespace cuecard {

class PromptTuning final : public Tuner {
public:
  explicit PromptTuning(const Options& options);

  void prepare(const Problem& problem) override;
  void edit(std::vector<Prompt>& prompts, const EditArgs& args) const override;
  Conditioning condition(int64_t task, const Pass& pass) const override;
  std::vector<ParameterGroup> parameters() override;
  FitSettings defaults(const FitSettings& asked) const override;
  Learned export_learned(int64_t task) const override;
  void import_learned(const Learned& learned) override;
  bool adopt(const Conditioning& learned, std::string& why) override;

private:
  /// Rows of one prompt: the template's and those in front.
  int64_t rows_of_one() const { return template_slots_ + length_; }

  int64_t asked_length_, prompts_;
  std::string init_, init_text_;
  double weight_decay_;
  int64_t model_width_ = 0;
  int64_t template_slots_ = 0; ///< rows that the template placed; numbers 0 to template_slots_ - 1
  int64_t length_ = 0;         ///< rows in front; numbers from template_slots_ on
  /// [prompts_ * rows_of_one(), embedding width], float32: one prompt behind the other. The members of an
  /// ensemble are variants of each example's prompt, whose slots count on from one to the next.
  at::Tensor prompt_;
};

} // namespace cuecard
