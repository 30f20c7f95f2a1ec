/// The verbalizer component `knowledgeable`: KPT (Hu et al. 2022, "Knowledgeable prompt-tuning: incorporating
/// knowledge into prompt verbalizer for text classification"). Each label has many words, which are filtered
/// and calibrated on training examples, and each word has a trained weight.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/words/calibration.hpp>
#include <cuecard/parts/words/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "refinement.hpp"
#include "word_weights.hpp"

namespace cuecard::knowledgeable {

class Knowledgeable final : public Verbalizer {
public:
  explicit Knowledgeable(const Options& options);

  /// Words come from the file of the option `words`, else from the task. Words that the vocabulary can't
  /// encode, that have more than `max-tokens` tokens or that belong to two labels are dropped, except a label's
  /// first word. A card that is used without the file gets its words from `load_state`.
  void prepare(const VerbalizerTarget& target) override;
  OutputRequest output_request() const override;

  /// Before training: filters the words by `frequency` and `relevance`, then calibrates. The remaining words
  /// keep their weights. A label that would lose all words keeps its first.
  void fit(const VerbalizerFitArgs& args) override;

  /// `outputs` [A, U], one answer per example.
  Scores score(const ScoreArgs& args) const override;
  at::Tensor loss(const LossArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override;
  /// The remaining words, as texts; `weights` [W]; `calibration` [U].
  ComponentState state() const override;
  void load_state(const ComponentState& saved) override;

private:
  LabelWords usable(const std::vector<std::vector<std::string>>& words) const;
  void set_words(LabelWords words);
  void filter(WordMask keep);
  void update_prior();

  std::string path_, prefix_;
  int64_t choice_, max_tokens_;
  MultiToken handler_;
  double frequency_, relevance_, temperature_, learning_rate_scale_;
  bool train_weights_;
  Calibration calibration_;

  LabelWordEncoding encoding_;
  at::Device device_ = at::kCPU;
  std::vector<std::string> labels_;
  LabelWords words_; ///< empty before `load_state` when the file is missing
  WordScores scores_;
  WordWeights weights_;
  at::Tensor prior_; ///< [1, W] float32 or undefined
};

} // namespace cuecard::knowledgeable
