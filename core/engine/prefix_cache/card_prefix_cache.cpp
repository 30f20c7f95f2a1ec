#include "engine/prefix_cache/card_prefix_cache.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <cuecard/error.hpp>

#include "batch/assemble.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

/// Released sequences keep their numbers, so a cache whose cards are loaded and dropped would grow.
constexpr int64_t most_released = 64;

/// With an output side, Batch::sequence_of and answers are of that side.
bool has_output(const PackItem& item) {
  return !item.prompt->output.empty();
}

bool begins_with(const TokenizedPrompt& prompt, const std::vector<PromptToken>& prefix) {
  if (prompt.answers.empty() || prompt.answers.front() < std::ssize(prefix) ||
      std::ssize(prompt.input) < std::ssize(prefix))
    return false;
  return std::equal(prefix.begin(), prefix.end(), prompt.input.begin(), same_token);
}

} // namespace

void CardPrefixCache::use(PackItem& item) {
  const auto found = prefixes_.find(item.card);
  if (found == prefixes_.end())
    return;
  CachedPrefix& prefix = found->second;
  if (prefix.sequence < 0 || has_output(item) || !begins_with(*item.prompt, prefix.tokens))
    return;
  item.skip = std::ssize(prefix.tokens);
  item.cached = prefix.sequence;
  prefix.used = ++now_;
}

bool CardPrefixCache::wants(const std::vector<PackItem>& items) {
  if (!model_.shape().causal || std::ranges::any_of(items, has_output))
    return false;
  std::map<int64_t, std::vector<PackItem>> undecided;
  for (const PackItem& item : items)
    if (!prefixes_.contains(item.card))
      undecided[item.card].push_back(item);
  bool any = false;
  for (auto& [card, own] : undecided) {
    CachedPrefix& prefix = prefixes_[card];
    if (own[0].input >= 0) // its prompts depend on the input from the beginning
      continue;
    const std::vector<PromptToken>& tokens = own[0].prompt->input;
    const int64_t length = fixed_length(std::move(own));
    if (length < 2)
      continue;
    prefix.tokens.assign(tokens.begin(), tokens.begin() + length);
    any = true;
  }
  return any;
}

void CardPrefixCache::add(const std::vector<PackItem>& items, const Batch& batch, const KvCache& computed) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    CachedPrefix& prefix = prefixes_.at(items[i].card);
    if (prefix.tokens.empty() || prefix.sequence >= 0)
      continue;
    // A cached sequence begins with its parent's tokens.
    prefix.sequence = cache_->copy(computed, batch.sequence_of[i], std::ssize(prefix.tokens));
    prefix.used = ++now_;
  }
  if (cache_->bytes() > most_bytes_)
    shrink();
}

std::vector<int64_t> CardPrefixCache::cached() const {
  std::vector<int64_t> cards;
  for (const auto& [card, prefix] : prefixes_)
    if (prefix.sequence >= 0)
      cards.push_back(card);
  return cards;
}

void CardPrefixCache::shrink() {
  std::vector<int64_t> cards = cached();
  std::ranges::sort(cards, {}, [&](int64_t card) { return prefixes_.at(card).used; });
  const auto kept = cards.begin() + (std::ssize(cards) + 1) / 2;
  std::for_each(cards.begin(), kept, [&](int64_t card) { prefixes_.erase(card); });
  store_anew({kept, cards.end()});
}

void CardPrefixCache::store_anew(const std::vector<int64_t>& cards) {
  std::vector<int64_t> sequences;
  for (const int64_t card : cards) {
    const int64_t next = std::ssize(sequences);
    sequences.push_back(std::exchange(prefixes_.at(card).sequence, next));
  }
  cache_ = std::make_shared<KvCache>(cache_->select(sequences));
}

void CardPrefixCache::forget(int64_t card) {
  const auto found = prefixes_.find(card);
  if (found == prefixes_.end())
    return;
  if (found->second.sequence >= 0)
    cache_->release(found->second.sequence);
  prefixes_.erase(found);
  if (cache_->num_sequences() > 2 * std::ssize(prefixes_) + most_released)
    store_anew(cached());
}

int64_t CardPrefixCache::fixed_length(std::vector<PackItem> items) const {
  try {
    const TaskPipeline& pipeline = *pipelines_[static_cast<std::size_t>(items[0].card)];
    std::vector<TokenizedPrompt> blank;
    for (const Prompt& prompt : blank_prompts(pipeline))
      blank.push_back(tokenized(pipeline, model_, prompt, pipeline.layout.positions));
    for (const TokenizedPrompt& prompt : blank) {
      items.push_back(items[0]);
      items.back().prompt = &prompt;
    }
    return common_prefix(items);
  } catch (const Error&) {
    return 0; // without a content-free prompt, no token is known to be fixed
  }
}

} // namespace cuecard
