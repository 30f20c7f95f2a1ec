#include "engine/text_cache.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>

namespace cuecard {

namespace {

/// Below this many rows a past costs about as much to lay beside the batch as it saves.
constexpr int64_t worth_keeping = 4;

} // namespace

TextCache::TextCache(const CountedBackbone& backbone, at::Device device, int64_t budget_bytes)
    : backbone_(backbone), device_(device), budget_(budget_bytes) {}

int64_t TextCache::fixed_rows(const TokenizedPrompt& prompt) {
  int64_t rows =
      prompt.answers.empty() ? static_cast<int64_t>(prompt.input.size()) - 1 : prompt.answers.front();
  for (int64_t i = 0; i < rows; ++i) {
    const TokenRow& row = prompt.input[static_cast<std::size_t>(i)];
    if (row.soft_slot >= 0 || row.trigger_slot >= 0)
      return i;
  }
  return rows;
}

void TextCache::compute(const std::vector<PackItem>& items, const std::vector<int64_t>& keys) {
  const at::NoGradGuard no_grad;
  std::vector<TokenizedPrompt> fronts;
  std::vector<int64_t> wanted;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const int64_t rows = fixed_rows(*items[i].prompt);
    if (rows < worth_keeping || budget_ <= 0 || kept_.count(keys[i]) ||
        std::count(wanted.begin(), wanted.end(), keys[i]))
      continue;
    TokenizedPrompt& front = fronts.emplace_back();
    front.input.assign(items[i].prompt->input.begin(), items[i].prompt->input.begin() + rows);
    front.answers = {rows - 1};
    front.targets = {-1};
    wanted.push_back(keys[i]);
  }
  if (fronts.empty())
    return;
  std::vector<PackItem> alone;
  for (const TokenizedPrompt& front : fronts)
    alone.push_back({&front});
  Past all;
  backbone_.forward(pack(alone, {device_}), {}, &all);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Past one = all.select({static_cast<int64_t>(i)});
    budget_ -= one.bytes();
    kept_.emplace(wanted[i], std::move(one));
  }
}

std::shared_ptr<const Past> TextCache::use(std::vector<PackItem>& items, const std::vector<int64_t>& keys) {
  compute(items, keys);
  std::vector<const Past*> parts;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto found = kept_.find(keys[i]);
    if (found == kept_.end())
      continue;
    items[i].skip = found->second.rows();
    items[i].past = static_cast<int64_t>(parts.size());
    parts.push_back(&found->second);
  }
  return parts.empty() ? nullptr : std::make_shared<const Past>(Past::concat(parts));
}

} // namespace cuecard
