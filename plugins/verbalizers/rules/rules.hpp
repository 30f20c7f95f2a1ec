/// The verbalizer component `rules`: PTR (Han, Zhao, Ding, Liu and Sun 2021, "PTR: prompt tuning with rules for
/// text classification", sections 3.2 and 3.3). A prompt has M answer slots, each with candidate words of its
/// own, and a label is a conjunction: one candidate for each slot.
///
/// With N_m the candidates of slot m and p_m the softmax of their scores there:
///   score(y) = log softmax over the labels of  sum over m of log p_m(word of y)
///   loss     = -(score(y) + 1 / M * sum over m of log p_m(word of y))   for the right label y
/// Where a label has several words for a slot, the mean of their log p_m counts.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/calibration.hpp>
#include <cuecard/parts/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::rules {

class Rules final : public Verbalizer {
public:
  explicit Rules(const Options& options);

  /// Words of each slot come from VerbalizerTarget::slot_words; else a label's words are one for each slot, in
  /// order. UsageError when labels have words for different numbers of slots, or two labels are the same
  /// conjunction.
  void prepare(const VerbalizerTarget& target) override;
  int64_t answers() const override { return slots_; }
  Readout readout() const override;

  /// Calibrates each slot on the content-free prompt, or on training rows.
  void calibrate(Scorer& scorer) override;
  void fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) override;

  /// `values` [entries * M, U]. In a pass that learns a score has the second term of the loss beside it.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// A text for each slot.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [M, U].
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  /// The candidates of one answer slot.
  struct Slot {
    at::Tensor words;    ///< [N] int64, which of all words they are
    at::Tensor averages; ///< [N, labels] float32, 1 / words of the label where the word is the label's
    at::Tensor prior;    ///< [1, N] float32, or undefined
  };
  void take_prior();

  MultiToken handler_;
  std::string prefix_;
  Calibration calibration_;
  int64_t slots_ = 1, labels_ = 0;
  std::vector<std::vector<std::string>> answers_; ///< [label][slot]
  WordScores scores_;                             ///< of the words of all slots
  std::vector<Slot> of_slot_;
};

} // namespace cuecard::rules
