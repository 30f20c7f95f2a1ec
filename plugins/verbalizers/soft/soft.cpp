#include "soft.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>

#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/label_loss.hpp>
#include <cuecard/parts/label_words.hpp>

namespace cuecard::soft {

Soft::Soft(const Options& options)
    : prefix_(options.text("prefix")), learning_rate_scale_(options.number("lr-scale")) {}

void Soft::prepare(const VerbalizerTarget& target) {
  const LabelWords words = read_label_words(target, "soft", prefix_);
  first_words_ = first_texts(words);
  std::vector<at::Tensor> rows;
  for (const std::vector<LabelWord>& of_label : words)
    rows.push_back(
        target.backbone
            .token_rows(TokenTable::output, index_tensor(of_label.front().tokens, target.backbone.device()))
            .mean(0));
  vectors_ = at::stack(rows).detach().to(at::kFloat);
  vectors_.set_requires_grad(true);
}

Scores Soft::score(const at::Tensor& values, const Batch&, const Pass&) const {
  const at::Tensor wide = values.scalar_type() == at::kDouble ? values : values.to(at::kFloat);
  return label_scores(wide.matmul(vectors_.to(wide.scalar_type()).t()));
}

at::Tensor Soft::loss(const Scores& scores, const Batch& batch) const {
  return label_loss(scores, batch);
}

std::vector<std::string> Soft::answer_text(int64_t label) const {
  return {text_of_label(first_words_, label)};
}

std::vector<ParameterGroup> Soft::parameters() {
  if (!vectors_.defined())
    return {};
  return {{{vectors_}, learning_rate_scale_, 0.0}};
}

Learned Soft::export_learned() const {
  if (!vectors_.defined())
    return {};
  return {{{"vectors", vectors_.detach()}}, {}};
}

void Soft::import_learned(const Learned& learned) {
  const at::NoGradGuard no_grad;
  vectors_.copy_(fitting_tensor(learned, "vectors", vectors_.sizes(), "soft"));
}

} // namespace cuecard::soft
