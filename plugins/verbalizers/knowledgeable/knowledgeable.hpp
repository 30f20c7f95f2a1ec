/// The verbalizer component `knowledgeable`: KPT (Hu et al. 2022, "Knowledgeable prompt-tuning: incorporating
/// knowledge into prompt verbalizer for text classification"). Many words stand for each label; training rows
/// say which of them to keep and what to divide out, and each has a weight that is learned.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/parts/calibration.hpp>
#include <cuecard/parts/label_words.hpp>
#include <cuecard/verbalizer.hpp>

#include "refinement.hpp"
#include "word_weights.hpp"

namespace cuecard::knowledgeable {

class Knowledgeable final : public Verbalizer {
public:
  explicit Knowledgeable(const Options& options);

  /// Words come from the file that `words` names, else from the task. What the vocabulary can't spell, what has
  /// more than `max-tokens` tokens and what stands for two labels is dropped, but for a label's first word. Of
  /// a card whose file isn't given the words come with `import_learned`.
  void prepare(const VerbalizerTarget& target) override;
  Readout readout() const override;

  /// Before training: filters the words by `frequency` and `relevance`, then calibrates. Weights of words that
  /// stay stay, too. A label that would lose all words keeps its first.
  void fit(Scorer& scorer, const std::vector<const Example*>& examples, Moment moment) override;

  /// `values` [A, U], one answer per example.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override;
  /// The words that were kept, as texts; `weights` [W]; `calibration` [U].
  Learned export_learned() const override;
  void import_learned(const Learned& learned) override;

private:
  LabelWords usable(const std::vector<std::vector<std::string>>& words) const;
  void take(LabelWords words);
  void keep(Kept kept);
  void take_prior();

  std::string path_, prefix_;
  int64_t choice_, max_tokens_;
  MultiToken handler_;
  double frequency_, relevance_, temperature_, learning_rate_scale_;
  bool learn_weights_;
  Calibration calibration_;

  const Vocabulary* vocabulary_ = nullptr;
  at::Device device_ = at::kCPU;
  std::vector<std::string> labels_;
  LabelWords words_; ///< empty while a card's are not read yet
  WordScores scores_;
  WordWeights weights_;
  at::Tensor prior_; ///< [1, W] float32 or undefined
};

} // namespace cuecard::knowledgeable
