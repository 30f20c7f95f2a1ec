/// The verbalizer component `words`: a linear layer on the first token of each word, which labels the word
/// (Devlin et al. 2019, section 5.3: "the representation of the first sub-token as the input to the token-level
/// classifier").
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"

namespace cuecard::head {

class WordsVerbalizer final : public Verbalizer {
public:
  explicit WordsVerbalizer(const Options& options);

  /// DataError for a task without labels. UsageError: see require_transform.
  void prepare(const VerbalizerTarget& target) override;
  OutputPositions output_positions() const override { return {OutputPositions::Kind::words, field_}; }
  int64_t num_answer_slots() const override { return 0; }
  OutputRequest output_request() const override {
    return {transform_ ? OutputRequest::Kind::transformed_states : OutputRequest::Kind::hidden_states, {}};
  }

  /// `outputs` [A, H], one per word: a decision each.
  Scores score(const ScoreArgs& args) const override;
  /// Cross-entropy with batch.answer_labels, a mean over words; those without a label are ignored.
  at::Tensor loss(const LossArgs& args) const override;
  /// The number of words with a label.
  double weight(const Batch& batch) const override;
  /// One label per word of the field: the largest score, or -1 for a word that was truncated.
  std::vector<Decision> decide(const DecideArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  ComponentState state() const override { return classifier_.state(); }
  void load_state(const ComponentState& saved) override { classifier_.load_state(saved, "words"); }

private:
  std::string field_;
  bool transform_;
  Classifier classifier_;
  std::vector<std::string> answers_;
};

} // namespace cuecard::head
