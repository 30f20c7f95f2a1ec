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

  /// DataError for a task without labels.
  void prepare(const VerbalizerTarget& target) override;
  Reading reading() const override { return {Reading::Rows::words, field_}; }
  int64_t answers() const override { return 0; }
  Readout readout() const override { return {Readout::Kind::hidden, {}}; }

  /// `values` [A, H], a row per word: a decision each.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  /// Cross-entropy with batch.answer_labels, a mean over words; those without a label don't count.
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// Words with a label.
  double weight(const Batch& batch) const override;
  /// One label per word of the field: the largest score, or -1 for a word that has no row.
  std::vector<Decision> decide(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  Learned export_learned() const override { return classifier_.export_learned(); }
  void import_learned(const Learned& learned) override { classifier_.import_learned(learned, "words"); }

private:
  std::string field_;
  Classifier classifier_;
  std::vector<std::string> answers_;
};

} // namespace cuecard::head
