#include "engine/fronts.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

bool begins_with(const TokenizedPrompt& prompt, const std::vector<TokenRow>& front) {
  if (prompt.answers.empty() || prompt.answers.front() < static_cast<int64_t>(front.size()))
    return false;
  return std::equal(front.begin(), front.end(), prompt.input.begin(), [](const TokenRow& a, const TokenRow& b) {
    return a.id == b.id && a.segment == b.segment && a.soft_slot == b.soft_slot &&
           a.trigger_slot == b.trigger_slot;
  });
}

/// The first `length` rows of past sequence `s`, in memory of their own.
Past beginning(const Past& kept, int64_t s, int64_t length) {
  Past front;
  for (const Past::Layer& layer : kept.layers)
    front.layers.push_back({layer.key.narrow(0, kept.offsets[s], length).clone(),
                            layer.value.narrow(0, kept.offsets[s], length).clone()});
  front.offsets.push_back(length);
  front.next_position.push_back(kept.next_position[s] - (kept.offsets[s + 1] - kept.offsets[s] - length));
  return front;
}

} // namespace

Fronts::Fronts(const Model& model, const std::vector<const Method*>& methods)
    : model_(model), methods_(methods), fronts_(methods.size()) {}

void Fronts::use(PackItem& item) const {
  const Front& front = fronts_[static_cast<std::size_t>(item.card)];
  if (front.index < 0 || !begins_with(*item.prompt, front.rows))
    return;
  item.skip = static_cast<int64_t>(front.rows.size());
  item.past = front.index;
}

bool Fronts::wants(const Batch& batch) const {
  for (std::size_t s = 0; s < batch.input.parent.size(); ++s)
    if (batch.input.parent[s] >= 0 && !fronts_[static_cast<std::size_t>(batch.sequence_cards[s])].decided)
      return true;
  return false;
}

void Fronts::learn(const std::vector<PackItem>& items, const Batch& batch, const Past& kept) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const PackItem& item = items[i];
    const int64_t parent = batch.input.parent[static_cast<std::size_t>(batch.sequence_of[i])];
    Front& front = fronts_[static_cast<std::size_t>(item.card)];
    if (parent < 0 || front.decided)
      continue;
    front.decided = true;
    const int64_t length = fixed_length(item, kept.offsets[parent + 1] - kept.offsets[parent]);
    if (length < 2)
      continue;
    front.rows.assign(item.prompt->input.begin(), item.prompt->input.begin() + length);
    front.index = past_ ? past_->sequences() : 0;
    Past beginning_of_card = beginning(kept, parent, length);
    past_ = std::make_shared<const Past>(past_ ? Past::concat({past_.get(), &beginning_of_card})
                                               : std::move(beginning_of_card));
  }
}

int64_t Fronts::fixed_length(const PackItem& item, int64_t most) const {
  try {
    const TokenizedPrompt blank = tokenized_blank(*methods_[static_cast<std::size_t>(item.card)], model_);
    PackItem blank_item = item;
    blank_item.prompt = &blank;
    return std::min(most, common_front({item, blank_item}));
  } catch (const Error&) {
    return 0; // a template without a content-free form has no known front
  }
}

} // namespace cuecard
