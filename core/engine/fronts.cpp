#include "engine/fronts.hpp"

#include <algorithm>
#include <map>

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

bool Fronts::wants(const std::vector<PackItem>& items) {
  if (!model_.backbone().shape().causal)
    return false;
  std::map<int64_t, std::vector<PackItem>> undecided;
  for (const PackItem& item : items)
    if (!fronts_[static_cast<std::size_t>(item.card)].decided)
      undecided[item.card].push_back(item);
  bool any = false;
  for (auto& [card, own] : undecided) {
    Front& front = fronts_[static_cast<std::size_t>(card)];
    front.decided = true;
    const std::vector<TokenRow>& rows = own[0].prompt->input;
    const int64_t length = fixed_length(std::move(own));
    if (length < 2)
      continue;
    front.rows.assign(rows.begin(), rows.begin() + length);
    any = true;
  }
  return any;
}

void Fronts::learn(const std::vector<PackItem>& items, const Batch& batch, const Past& kept) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    Front& front = fronts_[static_cast<std::size_t>(items[i].card)];
    if (front.rows.empty() || front.index >= 0)
      continue;
    // What several rows share lies in a sequence of its own, which is at least as long.
    const int64_t own = batch.sequence_of[i], parent = batch.input.parent[static_cast<std::size_t>(own)];
    Past beginning_of_card =
        beginning(kept, parent >= 0 ? parent : own, static_cast<int64_t>(front.rows.size()));
    front.index = past_ ? past_->sequences() : 0;
    past_ = std::make_shared<const Past>(past_ ? Past::concat({past_.get(), &beginning_of_card})
                                               : std::move(beginning_of_card));
  }
}

int64_t Fronts::fixed_length(std::vector<PackItem> items) const {
  try {
    const TokenizedPrompt blank = tokenized_blank(*methods_[static_cast<std::size_t>(items[0].card)], model_);
    items.push_back(items[0]);
    items.back().prompt = &blank;
    return common_front(items);
  } catch (const Error&) {
    return 0; // a template without a content-free form has no known front
  }
}

} // namespace cuecard
