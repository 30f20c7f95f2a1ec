#include "soft.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>

#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/training/label_loss.hpp>
#include <cuecard/parts/words/label_words.hpp>

namespace cuecard::soft {

Soft::Soft(const Options& options)
    : prefix_(options.text("prefix")), learning_rate_scale_(options.number("lr-scale")) {}

void Soft::prepare(const VerbalizerTarget& target) {
  const LabelWords words = read_label_words(target, "soft", prefix_);
  first_words_ = first_texts(words);
  std::vector<at::Tensor> initial;
  for (const std::vector<LabelWord>& of_label : words)
    initial.push_back(
        target.backbone
            .token_vectors(TokenTable::output, index_tensor(of_label.front().tokens, target.backbone.device()))
            .mean(0));
  vectors_ = at::stack(initial).detach().to(at::kFloat);
  vectors_.set_requires_grad(true);
  multi_label_ = target.multi_label ? std::optional(MultiLabel()) : std::nullopt;
}

Scores Soft::score(const ScoreArgs& args) const {
  const at::Tensor wide =
      args.outputs.scalar_type() == at::kDouble ? args.outputs : args.outputs.to(at::kFloat);
  return label_scores(wide.matmul(vectors_.to(wide.scalar_type()).t()));
}

at::Tensor Soft::loss(const LossArgs& args) const {
  return multi_label_ ? multi_label_->loss(args) : label_loss(args.scores, args.batch);
}

std::vector<Decision> Soft::decide(const DecideArgs& args) const {
  return multi_label_ ? multi_label_->decide(args) : Verbalizer::decide(args);
}

void Soft::fit(const VerbalizerFitArgs& args) {
  if (multi_label_)
    multi_label_->fit(args, *this);
}

std::vector<std::string> Soft::answer_text(int64_t label) const {
  return {text_of_label(first_words_, label)};
}

std::vector<ParameterGroup> Soft::parameters() {
  if (!vectors_.defined())
    return {};
  return {{{vectors_}, learning_rate_scale_, 0.0}};
}

ComponentState Soft::state() const {
  if (!vectors_.defined())
    return {};
  ComponentState state{{{"vectors", vectors_.detach()}}, {}};
  if (multi_label_)
    multi_label_->save(state);
  return state;
}

void Soft::load_state(const ComponentState& saved) {
  const at::NoGradGuard no_grad;
  vectors_.copy_(require_tensor(saved, "vectors", vectors_.sizes(), "soft"));
  if (multi_label_)
    multi_label_->load(saved, "soft");
}

} // namespace cuecard::soft
