/// The verbalizer component `rules`: PTR (Han, Zhao, Ding, Liu and Sun 2021, "PTR: prompt tuning with rules for
/// text classification", sections 3.2 and 3.3). A prompt has M answer slots, each with its own candidate words,
/// and a label is a conjunction: one candidate per slot.
///
/// With N_m the candidates of slot m and p_m the softmax of their scores in that slot:
///   score(y) = log softmax over the labels of  sum over m of log p_m(word of y)
///   loss     = -(score(y) + 1 / M * sum over m of log p_m(word of y))   for the gold label y
/// For several words of a label in a slot, the mean of their log p_m is used.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::rules {

class Rules final : public Verbalizer {
public:
  explicit Rules(const Options& options);

  /// The words of each slot are VerbalizerTarget::slot_words; without those, a label's words are one per slot,
  /// in order. UsageError when labels have words for different numbers of slots, or two labels are the same
  /// conjunction.
  void prepare(const VerbalizerTarget& target) override;
  int64_t num_answer_slots() const override { return slots_; }
  OutputRequest output_request() const override;

  /// Calibrates each slot on the content-free prompt, or on training examples.
  void calibrate(Scorer& scorer) override;
  void fit(const VerbalizerFitArgs& args) override;

  /// `outputs` [entries * M, U]. In training passes a score includes the second term of the loss.
  Scores score(const ScoreArgs& args) const override;
  at::Tensor loss(const LossArgs& args) const override;
  /// One text per slot.
  std::vector<std::string> answer_text(int64_t label) const override;

  /// `calibration` [M, U].
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  /// The candidates of one answer slot.
  struct Slot {
    at::Tensor words;    ///< [N] int64, indices among all words
    at::Tensor averages; ///< [N, labels] float32, 1 / number of the label's words for its words, else 0
    at::Tensor prior;    ///< [1, N] float32, or undefined
  };
  void update_prior();

  MultiToken handler_;
  std::string prefix_;
  Calibration calibration_;
  int64_t slots_ = 1, labels_ = 0;
  std::vector<std::vector<std::string>> answers_; ///< [label][slot]
  WordScores scores_;                             ///< of the words of all slots
  std::vector<Slot> of_slot_;
};

} // namespace cuecard::rules
