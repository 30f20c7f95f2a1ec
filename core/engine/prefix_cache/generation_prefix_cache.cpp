#include "engine/prefix_cache/generation_prefix_cache.hpp"

#include <algorithm>

namespace cuecard {

namespace {

/// Fewer shared tokens save less than looking up a cache costs.
constexpr int64_t min_shared_tokens = 2;

} // namespace

void GenerationPrefixCache::use(PackItem& item, KvCache& cache) {
  const auto found = prompts_.find(item.card);
  if (found == prompts_.end())
    return;
  CachedPrompt& cached = found->second;
  const std::vector<PromptToken>& tokens = item.prompt->input;
  const int64_t most =
      std::min(std::ssize(tokens) - 1, std::ssize(cached.tokens)); // the last token must be forwarded
  const auto differ = std::mismatch(tokens.begin(), tokens.begin() + most, cached.tokens.begin(), same_token);
  const int64_t same = differ.first - tokens.begin();
  if (same < min_shared_tokens)
    return;
  item.skip = same;
  item.cached = cache.fork(cached.sequence, same);
  cached.used = ++now_;
}

void GenerationPrefixCache::add(const PackItem& item, int64_t sequence, KvCache& cache) {
  const int64_t tokens = std::ssize(item.prompt->input);
  if (item.input >= 0 || prompts_.contains(item.card) || tokens < min_shared_tokens || tokens > most_tokens)
    return;
  while (tokens_ + tokens > most_tokens) {
    const auto by_use = [](const auto& a, const auto& b) { return a.second.used < b.second.used; };
    forget(std::min_element(prompts_.begin(), prompts_.end(), by_use)->first, cache);
  }
  prompts_[item.card] = {item.prompt->input, cache.fork(sequence), ++now_};
  tokens_ += tokens;
}

void GenerationPrefixCache::forget(int64_t card, KvCache& cache) {
  const auto found = prompts_.find(card);
  if (found == prompts_.end())
    return;
  cache.release(found->second.sequence);
  tokens_ -= std::ssize(found->second.tokens);
  prompts_.erase(found);
}

std::shared_ptr<KvCache> GenerationPrefixCache::compacted(const KvCache& cache) {
  std::vector<int64_t> sequences;
  for (auto& [card, prompt] : prompts_) {
    sequences.push_back(prompt.sequence);
    prompt.sequence = std::ssize(sequences) - 1;
  }
  return std::make_shared<KvCache>(cache.select(sequences));
}

} // namespace cuecard
