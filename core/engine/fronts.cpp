#include "engine/fronts.hpp"

#include <algorithm>
#include <map>

#include <ATen/ops/cat.h>

#include <cuecard/error.hpp>

#include "batch/assemble.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

bool begins_with(const TokenizedPrompt& prompt, const std::vector<TokenRow>& front) {
  if (prompt.answers.empty() || prompt.answers.front() < static_cast<int64_t>(front.size()))
    return false;
  return std::equal(front.begin(), front.end(), prompt.input.begin(), same_row);
}

} // namespace

Fronts::Fronts(const Model& model, const std::vector<const Method*>& methods)
    : model_(model), methods_(methods), fronts_(methods.size()) {}

void Fronts::use(PackItem& item) const {
  const Front& front = fronts_[static_cast<std::size_t>(item.card)];
  if (front.sequence < 0 || !begins_with(*item.prompt, front.rows))
    return;
  item.skip = static_cast<int64_t>(front.rows.size());
  item.past = front.sequence;
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
    if (front.rows.empty() || front.sequence >= 0)
      continue;
    // A kept sequence begins with what it shares with others.
    const int64_t from = batch.sequence_of[i], length = static_cast<int64_t>(front.rows.size());
    const std::vector<Past::Rows> rows = kept.front(from, length);
    front.sequence = past_->fork(-1);
    const std::vector<Past::Rows> where = past_->append(front.sequence, length);
    past_->next_position[static_cast<std::size_t>(front.sequence)] =
        kept.next_position[static_cast<std::size_t>(from)] - kept.length(from) + length;
    for (std::size_t layer = 0; layer < kept.layers.size(); ++layer) {
      std::vector<at::Tensor> keys, values;
      for (const Past::Rows& range : rows) {
        keys.push_back(kept.layers[layer].key.narrow(0, range.begin, range.size()));
        values.push_back(kept.layers[layer].value.narrow(0, range.begin, range.size()));
      }
      past_->put(static_cast<int64_t>(layer), at::cat(keys), at::cat(values), where);
    }
  }
}

int64_t Fronts::fixed_length(std::vector<PackItem> items) const {
  try {
    const Method& method = *methods_[static_cast<std::size_t>(items[0].card)];
    std::vector<TokenizedPrompt> blank;
    for (const Prompt& prompt : blank_prompts(method))
      blank.push_back(tokenized(method, model_, prompt, method.target.reading));
    for (const TokenizedPrompt& prompt : blank) {
      items.push_back(items[0]);
      items.back().prompt = &prompt;
    }
    return common_front(items);
  } catch (const Error&) {
    return 0; // a template without a content-free form has no known front
  }
}

} // namespace cuecard
