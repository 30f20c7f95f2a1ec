/// The verbalizer component `spans`: a linear layer that scores each token of a field as the beginning and as
/// the end of the answer (Devlin et al. 2019, section 4.2). Where an example has several prompts, windows of a
/// long text, all their tokens are compared (Clark and Gardner 2018, section 3.2, shared normalisation).
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

#include "classifier.hpp"

namespace cuecard::head {

class SpansVerbalizer final : public Verbalizer {
public:
  explicit SpansVerbalizer(const Options& options);

  void prepare(const VerbalizerTarget& target) override;
  Reading reading() const override { return {Reading::Rows::tokens, field_}; }
  int64_t answers() const override { return 0; }
  Readout readout() const override { return {Readout::Kind::hidden, {}}; }

  /// No answers; DataError when the loss will be taken and no answer is known that is a part of the field.
  std::vector<std::vector<std::string>> given_answers(const Example& example, bool learn) const override;

  /// `values` [A, H], a row per token. Two decisions per example, over the tokens of all its prompts: where the
  /// answer begins, and where it ends.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  /// Mean over the examples' decisions of the negative logarithm of what all right tokens have together; a
  /// token is right in each prompt that holds the whole answer. Examples whose answers were cut off don't
  /// count.
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  /// Examples that count in the loss.
  double weight(const Batch& batch) const override;
  /// The part of the field between the two tokens of one prompt that are most likely together, the end not in
  /// front of the beginning and at most `max-tokens` in all; `value` is the logarithm of its probability.
  std::vector<Decision> decide(const Scores& scores, const Batch& batch) const override;
  /// UsageError: there are no labels.
  std::vector<std::string> answer_text(int64_t label) const override;

  std::vector<ParameterGroup> parameters() override { return classifier_.parameters(); }
  Learned export_learned() const override { return classifier_.export_learned(); }
  void import_learned(const Learned& learned) override { classifier_.import_learned(learned, "spans"); }

private:
  std::string field_;
  int64_t max_tokens_;
  Classifier classifier_;
};

} // namespace cuecard::head
