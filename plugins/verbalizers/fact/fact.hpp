/// The verbalizer component `fact`: the labels are the objects of a relation, each one token of the vocabulary;
/// the most likely one is predicted (LAMA's precision at 1; Petroni et al. 2019).
///
/// With p the model's distribution over its whole vocabulary at the answer slot and w(y) the token of object y:
///   score(y) = log p(w(y)), over the objects of one token; others are never predicted
///   loss     = -log p(w(gold)), normalised over the whole vocabulary (Shin et al. 2020, section 2)
/// Objects that are the same token are one candidate, represented by the first of them.
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::fact {

class Fact final : public Verbalizer {
public:
  explicit Fact(const Options& options);

  /// An object's word is the label's first word in the task file, else its name. UsageError for a model without
  /// a head, and for fewer than two candidates.
  void prepare(const VerbalizerTarget& target) override;
  OutputRequest output_request() const override;

  /// Always empty. DataError for an example whose object is not one token, so that it is skipped.
  std::vector<std::vector<std::string>> given_answers(const GivenAnswersArgs& args) const override;

  /// The first label of its token, for a label of one token.
  std::vector<int64_t> label_representatives() const override { return representatives_; }

  /// `outputs` [A, candidates]: log-probabilities.
  Scores score(const ScoreArgs& args) const override;
  at::Tensor loss(const LossArgs& args) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

private:
  std::string prefix_;
  std::vector<std::string> words_;       ///< by label, prefix included
  std::vector<std::size_t> lengths_;     ///< by label, tokens; 0 if the vocabulary can't encode the word
  std::vector<int64_t> representatives_; ///< by label
  at::Tensor token_ids_, labels_; ///< [candidates] int64: their tokens and the labels that represent them
  at::Tensor candidates_;         ///< [labels] int64: `representatives_` on the device
};

} // namespace cuecard::fact
