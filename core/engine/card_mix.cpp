#include "engine/card_mix.hpp"

#include <algorithm>

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
void add_to(BatchConditioning& batch, Conditioning conditioning, int64_t card) {
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

void CardMix::add(int64_t card, const TaskPipeline& pipeline) {
  Member member{&pipeline, {}, {}, {}};
  if (!pipeline.input_features) {
    const at::NoGradGuard no_grad;
    member.conditioning = pipeline.tuner->condition({pipeline.task, {}});
    member.slots = slots_of(member.conditioning);
  }
  members_[card] = std::move(member);
}

void CardMix::remove(int64_t card) {
  members_.erase(card);
  if (std::ranges::binary_search(joined_cards_, card))
    join({});
}

void CardMix::join(const std::vector<int64_t>& cards) {
  const auto joined = std::make_shared<BatchConditioning>();
  for (const int64_t card : cards) {
    Member& member = members_.at(card);
    member.offsets = {rows_of(joined->embeddings), rows_of(joined->late_embeddings)};
    add_to(*joined, member.conditioning, card);
  }
  joined_cards_ = cards;
  joined_ = joined;
}

std::shared_ptr<const BatchConditioning> CardMix::condition(std::vector<PackItem>& items,
                                                            const CountedBackbone& backbone) {
  struct Used {
    SlotCounts slots;
    std::vector<PackItem*> items;
  };
  std::map<int64_t, Used> used; // by card
  for (PackItem& item : items) {
    Used& own = used[item.card];
    own.slots.include(*item.prompt);
    own.items.push_back(&item);
  }
  std::vector<int64_t> fixed;
  for (const auto& [card, own] : used)
    if (!members_.at(card).pipeline->input_features)
      fixed.push_back(card);
  if (fixed != joined_cards_)
    join(fixed);
  if (joined_->triggers.defined() && used.size() > 1)
    throw Error("a card whose trigger tokens are still being searched can't share a batch with other cards.");
  for (const int64_t card : fixed) {
    const Member& member = members_.at(card);
    require_slots(used[card].slots, member.slots, *member.pipeline);
    for (PackItem* item : used[card].items) {
      item->soft_offset = member.offsets.soft;
      item->late_offset = member.offsets.late;
    }
  }
  if (fixed.size() == used.size())
    return joined_;

  const auto mixed = std::make_shared<BatchConditioning>(*joined_);
  for (const auto& [card, own] : used) {
    const TaskPipeline& pipeline = *members_.at(card).pipeline;
    if (!pipeline.input_features)
      continue;
    const int64_t inputs = number_inputs(own.items);
    std::vector<const TokenizedPrompt*> prompts(static_cast<std::size_t>(inputs), nullptr);
    for (const PackItem* item : own.items)
      if (!prompts[static_cast<std::size_t>(item->input)])
        prompts[static_cast<std::size_t>(item->input)] = item->prompt;
    const Offsets first{rows_of(mixed->embeddings), rows_of(mixed->late_embeddings)};
    for (PackItem* item : own.items) {
      item->soft_offset = first.soft + item->input * pipeline.input_features.soft_slots;
      item->late_offset = first.late + item->input * pipeline.input_features.soft_slots;
    }
    const at::Tensor features = input_features(model_, backbone, pipeline.input_features, prompts);
    Conditioning conditioning = pipeline.tuner->condition({pipeline.task, {}, features});
    require_slots(own.slots, slots_of(conditioning), pipeline);
    add_to(*mixed, std::move(conditioning), card);
  }
  return mixed;
}

BatchConditioning alone(Conditioning conditioning, const Pass& pass) {
  BatchConditioning batch(std::move(conditioning));
  batch.pass = pass;
  return batch;
}

} // namespace cuecard
