#include "head_verbalizer.hpp"

#include <cuecard/error.hpp>

namespace cuecard::head {

HeadVerbalizer::HeadVerbalizer(const Options& options)
    : state_(options, "head"), classifier_(options, {options.flag("dense"), options.flag("bias")}) {}

void HeadVerbalizer::prepare(const VerbalizerTarget& target) {
  const BackboneShape& shape = target.backbone.shape();
  if (target.labels.empty())
    throw DataError("the verbalizer \"head\" chooses among labels, and the task has none: name them under "
                    "\"labels\" in the task file");
  state_.prepare(shape);
  answers_.clear();
  for (std::size_t label = 0; label < target.labels.size(); ++label)
    answers_.push_back(label_text(target, label));
  classifier_.prepare(static_cast<int64_t>(target.labels.size()), shape.hidden, target.seed,
                      target.backbone.device());
}

Scores HeadVerbalizer::score(const at::Tensor& values, const Batch&, const Pass& pass) const {
  Scores scores;
  scores.values = classifier_(values, pass).view({-1});
  for (int64_t row = 1; row <= values.size(0); ++row)
    scores.offsets.push_back(row * classifier_.classes());
  return scores;
}

at::Tensor HeadVerbalizer::loss(const Scores& scores, const Batch& batch) const {
  return known_cross_entropy(scores.values.view({-1, classifier_.classes()}), batch.labels);
}

std::vector<std::string> HeadVerbalizer::answer_text(int64_t label) const {
  return {answers_.at(static_cast<std::size_t>(label))};
}

} // namespace cuecard::head
