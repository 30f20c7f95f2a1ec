/// The verbalizer component `fact`: the labels are objects of a relation, each one token of the vocabulary; the
/// model answers with the likeliest of them (LAMA's precision at 1; Petroni et al. 2019).
///
/// With p the model's distribution over its whole vocabulary at the answer slot and w(y) the token of object y:
///   score(y) = log p(w(y)), over the objects of one token; others can't be chosen
///   loss     = -log p(w(gold)), the words that are no objects included (Shin et al. 2020, section 2)
#pragma once

#include <string>
#include <vector>

#include <cuecard/options.hpp>
#include <cuecard/verbalizer.hpp>

namespace cuecard::fact {

class Fact final : public Verbalizer {
public:
  explicit Fact(const Options& options);

  /// An object's word is the label's first in the task file, else its name. UsageError for a model without a
  /// head, for fewer than two objects of one token, and for two of the same one.
  void prepare(const VerbalizerTarget& target) override;
  Readout readout() const override;

  /// Nothing is given. DataError for a row whose object is not one token: it can't be used.
  std::vector<std::vector<std::string>> given_answers(const Example& example, bool learn) const override;

  /// `values` [A, objects of one token]: log-probabilities.
  Scores score(const at::Tensor& values, const Batch& batch, const Pass& pass) const override;
  at::Tensor loss(const Scores& scores, const Batch& batch) const override;
  std::vector<std::string> answer_text(int64_t label) const override;

private:
  std::string prefix_;
  std::vector<std::string> words_;   ///< by label, as they are encoded
  std::vector<std::size_t> lengths_; ///< by label, tokens; 0 where one can't be spelled
  at::Tensor token_ids_, labels_;    ///< [objects of one token] int64: their tokens and their labels
};

} // namespace cuecard::fact
