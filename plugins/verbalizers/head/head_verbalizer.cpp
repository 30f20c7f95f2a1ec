#include "head_verbalizer.hpp"

#include <cuecard/error.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::head {

HeadVerbalizer::HeadVerbalizer(const Options& options)
    : transform_(options.flag("transform")), state_(options, "head", transform_),
      classifier_(options, {options.flag("dense"), options.flag("bias"),
                            activation_named(options.text("activation")).value_or(Activation::tanh)}) {}

void HeadVerbalizer::prepare(const VerbalizerTarget& target) {
  const BackboneShape& shape = target.backbone.shape();
  if (target.labels.empty())
    throw DataError("the verbalizer \"head\" chooses among labels, and the task has none: name them under "
                    "\"labels\" in the task file");
  state_.prepare(shape);
  answers_ = label_texts(target);
  classifier_.prepare(static_cast<int64_t>(target.labels.size()), width_of_states(shape, transform_),
                      target.seed, target.backbone.device());
  multi_label_ = target.multi_label ? std::optional(MultiLabel()) : std::nullopt;
}

Scores HeadVerbalizer::score(const ScoreArgs& args) const {
  return label_scores(classifier_(args.outputs, args.pass));
}

at::Tensor HeadVerbalizer::loss(const LossArgs& args) const {
  return multi_label_ ? multi_label_->loss(args) : label_loss(args.scores, args.batch);
}

std::vector<Decision> HeadVerbalizer::decide(const DecideArgs& args) const {
  return multi_label_ ? multi_label_->decide(args) : Verbalizer::decide(args);
}

void HeadVerbalizer::fit(const VerbalizerFitArgs& args) {
  if (multi_label_)
    multi_label_->fit(args, *this);
}

ComponentState HeadVerbalizer::state() const {
  ComponentState state = classifier_.state();
  if (multi_label_)
    multi_label_->save(state);
  return state;
}

void HeadVerbalizer::load_state(const ComponentState& saved) {
  classifier_.load_state(saved);
  if (multi_label_)
    multi_label_->load(saved, "head");
}

std::vector<std::string> HeadVerbalizer::answer_text(int64_t label) const {
  return {text_of_label(answers_, label)};
}

} // namespace cuecard::head
