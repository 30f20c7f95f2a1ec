#include "engine/card_mix.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

#include "engine/input_features.hpp"

namespace cuecard {

namespace {

int64_t rows_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.size(0) : 0;
}

void append(at::Tensor& all, const at::Tensor& more) {
  if (more.defined())
    all = all.defined() ? at::cat({all, more}) : more;
}

template <class T>
void append(std::vector<T>& all, std::vector<int64_t>& cards, std::vector<T> more, int64_t card) {
  for (T& each : more) {
    all.push_back(std::move(each));
    cards.push_back(card);
  }
}

/// Adds the conditioning of `card` to that of a batch.
void add(BatchConditioning& batch, Conditioning conditioning, int64_t card) {
  for (at::Tensor* rows : {&conditioning.embeddings, &conditioning.late_embeddings})
    if (rows->defined() && rows->dim() == 3)
      *rows = rows->flatten(0, 1);
  append(batch.embeddings, conditioning.embeddings);
  append(batch.late_embeddings, conditioning.late_embeddings);
  append(batch.prefixes, batch.prefix_cards, std::move(conditioning.prefixes), card);
  append(batch.low_rank, batch.low_rank_cards, std::move(conditioning.low_rank), card);
  append(batch.rescalings, batch.rescaling_cards, std::move(conditioning.rescalings), card);
  if (conditioning.triggers.defined())
    batch.triggers = conditioning.triggers;
}

} // namespace

CardMix::CardMix(const Model& model, const std::vector<const TaskPipeline*>& pipelines)
    : model_(model), pipelines_(pipelines), slots_(pipelines.size()), offsets_(pipelines.size()),
      fixed_(std::make_shared<BatchConditioning>()) {
  const at::NoGradGuard no_grad;
  for (std::size_t card = 0; card < pipelines.size(); ++card) {
    if (pipelines[card]->input_features)
      continue;
    offsets_[card] = {rows_of(fixed_->embeddings), rows_of(fixed_->late_embeddings)};
    Conditioning conditioning = pipelines[card]->tuner->condition({pipelines[card]->task, {}});
    if (conditioning.triggers.defined() && pipelines.size() > 1)
      throw Error("a card whose trigger tokens are still being searched can't share a batch with other cards.");
    slots_[card] = slots_of(conditioning);
    add(*fixed_, std::move(conditioning), static_cast<int64_t>(card));
  }
}

std::shared_ptr<const BatchConditioning> CardMix::condition(std::vector<PackItem>& items,
                                                            const CountedBackbone& backbone) const {
  std::vector<std::vector<PackItem*>> by_input_dependent_card(pipelines_.size());
  std::vector<SlotCounts> used(pipelines_.size());
  bool any = false;
  for (PackItem& item : items) {
    const auto card = static_cast<std::size_t>(item.card);
    used[card].include(*item.prompt);
    item.soft_offset = offsets_[card].soft;
    item.late_offset = offsets_[card].late;
    if (pipelines_[card]->input_features) {
      by_input_dependent_card[card].push_back(&item);
      any = true;
    }
  }
  for (std::size_t card = 0; card < pipelines_.size(); ++card)
    if (!pipelines_[card]->input_features)
      require_slots(used[card], slots_[card], *pipelines_[card]);
  if (!any)
    return fixed_;

  const auto mixed = std::make_shared<BatchConditioning>(*fixed_);
  for (std::size_t card = 0; card < pipelines_.size(); ++card) {
    const std::vector<PackItem*>& own = by_input_dependent_card[card];
    if (own.empty())
      continue;
    const TaskPipeline& pipeline = *pipelines_[card];
    const int64_t inputs = number_inputs(own);
    std::vector<const TokenizedPrompt*> prompts(static_cast<std::size_t>(inputs), nullptr);
    for (const PackItem* item : own)
      if (!prompts[static_cast<std::size_t>(item->input)])
        prompts[static_cast<std::size_t>(item->input)] = item->prompt;
    const Offsets first{rows_of(mixed->embeddings), rows_of(mixed->late_embeddings)};
    for (PackItem* item : own) {
      item->soft_offset = first.soft + item->input * pipeline.input_features.soft_slots;
      item->late_offset = first.late + item->input * pipeline.input_features.soft_slots;
    }
    const at::Tensor features = input_features(model_, backbone, pipeline.input_features, prompts);
    Conditioning conditioning = pipeline.tuner->condition({pipeline.task, {}, features});
    require_slots(used[card], slots_of(conditioning), pipeline);
    add(*mixed, std::move(conditioning), static_cast<int64_t>(card));
  }
  return mixed;
}

BatchConditioning alone(Conditioning conditioning, const Pass& pass) {
  BatchConditioning batch(std::move(conditioning));
  batch.pass = pass;
  return batch;
}

} // namespace cuecard
