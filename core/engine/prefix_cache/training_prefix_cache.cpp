#include "engine/prefix_cache/training_prefix_cache.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>

namespace cuecard {

namespace {

/// With fewer tokens, reading the cache costs about as much as it saves.
constexpr int64_t min_cached_tokens = 4;
constexpr int64_t prompts_per_group = 16;

} // namespace

TrainingPrefixCache::TrainingPrefixCache(const CountedBackbone& backbone, const BackboneShape& shape,
                                         at::Device device, std::vector<const TokenizedPrompt*> prompts,
                                         int64_t budget_bytes)
    : backbone_(backbone), device_(device), prompts_(std::move(prompts)), group_of_(prompts_.size(), -1),
      sequence_of_(prompts_.size(), -1) {
  const int64_t bytes_per_token = 2 * 4 * shape.layers * shape.kv_heads * shape.head_dim;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const int64_t tokens = fixed_tokens(*prompts_[i]);
    if (tokens < min_cached_tokens || tokens * bytes_per_token > budget_bytes)
      continue;
    budget_bytes -= tokens * bytes_per_token;
    if (groups_.empty() || std::ssize(groups_.back()) == prompts_per_group)
      groups_.emplace_back();
    groups_.back().push_back(static_cast<int64_t>(i));
    group_of_[i] = std::ssize(groups_) - 1;
  }
  computed_.assign(groups_.size(), false);
}

int64_t TrainingPrefixCache::fixed_tokens(const TokenizedPrompt& prompt) {
  int64_t tokens =
      prompt.answers.empty() ? static_cast<int64_t>(prompt.input.size()) - 1 : prompt.answers.front();
  for (int64_t i = 0; i < tokens; ++i) {
    const PromptToken& token = prompt.input[static_cast<std::size_t>(i)];
    if (token.soft_slot >= 0 || token.trigger_slot >= 0)
      return i;
  }
  return tokens;
}

void TrainingPrefixCache::compute(std::size_t group) {
  const at::NoGradGuard no_grad;
  computed_[group] = true;
  std::vector<TokenizedPrompt> prefixes(groups_[group].size());
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const auto prompt = static_cast<std::size_t>(groups_[group][i]);
    const int64_t tokens = fixed_tokens(*prompts_[prompt]);
    prefixes[i].input.assign(prompts_[prompt]->input.begin(), prompts_[prompt]->input.begin() + tokens);
    prefixes[i].answers = {tokens - 1};
    prefixes[i].targets = {-1};
    items.push_back({&prefixes[i]});
    sequence_of_[prompt] =
        cache_->num_sequences() + static_cast<int64_t>(i); // the pass adds them in this order
  }
  backbone_.forward(pack(items, {device_}), {}, cache_.get());
}

std::shared_ptr<const KvCache> TrainingPrefixCache::use(std::vector<PackItem>& items,
                                                        const std::vector<int64_t>& which) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto prompt = static_cast<std::size_t>(which[i]);
    if (group_of_[prompt] < 0)
      continue;
    if (!computed_[static_cast<std::size_t>(group_of_[prompt])])
      compute(static_cast<std::size_t>(group_of_[prompt]));
    items[i].cached = sequence_of_[prompt];
    items[i].skip = cache_->length(items[i].cached);
  }
  return cache_;
}

} // namespace cuecard
