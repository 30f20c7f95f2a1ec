#include "head_verbalizer.hpp"

#include <cuecard/error.hpp>

namespace cuecard::head {

HeadVerbalizer::HeadVerbalizer(const Options& options)
    : pooler_(options.text("pooler")), row_(options.text("row")),
      classifier_(options, {options.flag("dense"), options.flag("bias")}) {}

void HeadVerbalizer::prepare(const VerbalizerTarget& target) {
  const BackboneShape& shape = target.backbone.shape();
  if (target.labels.empty())
    throw DataError("the verbalizer \"head\" chooses among labels, and the task has none: name them under "
                    "\"labels\" in the task file");
  if (pooler_ == "yes" && !shape.pools)
    throw UsageError("the verbalizer \"head\" shall read the pooler (option \"pooler\" yes), and this model "
                     "has none: set it to auto or no");
  if (row_ == "first" && shape.causal)
    throw UsageError("the verbalizer \"head\" shall read the first row (option \"row\" first), which sees "
                     "nothing of the text in a causal model: set it to sequence");
  pooled_ = pooler_ == "yes" || (pooler_ == "auto" && shape.pools && !shape.causal && !shape.encoder_decoder);
  answers_.clear();
  for (std::size_t label = 0; label < target.labels.size(); ++label)
    answers_.push_back(label_text(target, label));
  classifier_.prepare(static_cast<int64_t>(target.labels.size()), shape.hidden, target.seed,
                      target.backbone.device());
}

Reading HeadVerbalizer::reading() const {
  return {row_ == "first" ? Reading::Rows::first : Reading::Rows::sequence, {}};
}

Readout HeadVerbalizer::readout() const {
  return {pooled_ ? Readout::Kind::pooled : Readout::Kind::hidden, {}};
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
