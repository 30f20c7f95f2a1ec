#include "choices_verbalizer.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::head {

ChoicesVerbalizer::ChoicesVerbalizer(const Options& options)
    : state_(options, "choices"), classifier_(options) {}

void ChoicesVerbalizer::prepare(const VerbalizerTarget& target) {
  if (target.labels.size() < 2)
    throw DataError("the verbalizer \"choices\" needs a label for each position in the list of alternatives, "
                    "and the task has " +
                    std::to_string(target.labels.size()) + ": name them under \"labels\" in the task file");
  state_.prepare(target.backbone.shape());
  answers_ = label_texts(target);
  classifier_.prepare(1, target.backbone.shape().hidden, target.seed, target.backbone.device());
}

Scores ChoicesVerbalizer::score(const ScoreArgs& args) const {
  const Batch& batch = args.batch;
  Scores scores;
  scores.values = classifier_(args.outputs, args.pass).view({-1});
  for (int64_t e = 0; e < batch.size(); ++e) {
    const int64_t choice = batch.choices[static_cast<std::size_t>(e)];
    const bool first = batch.begins_example(e) || choice == 0;
    if (choice != (first ? 0 : e - scores.entries.back()))
      throw Error("an example's prompts are in another order than its alternatives");
    if (first && e > 0)
      scores.offsets.push_back(e);
    if (first)
      scores.entries.push_back(e);
  }
  scores.offsets.push_back(batch.size());
  for (std::size_t d = 0; d + 1 < scores.offsets.size(); ++d)
    if (scores.offsets[d + 1] - scores.offsets[d] < 2)
      throw UsageError("the verbalizer \"choices\" compares an example's prompts, and the template gives one: "
                       "write {\"choice\": NAME} where an alternative belongs.");
  return scores;
}

at::Tensor ChoicesVerbalizer::loss(const LossArgs& args) const {
  return label_loss(args.scores, args.batch);
}

std::vector<Decision> ChoicesVerbalizer::decide(const DecideArgs& args) const {
  std::vector<Decision> decisions = Verbalizer::decide(args);
  for (Decision& decision : decisions)
    if (!decision.probabilities.empty())
      decision.probabilities.resize(answers_.size(), 0.0);
  return decisions;
}

std::vector<std::string> ChoicesVerbalizer::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

} // namespace cuecard::head
