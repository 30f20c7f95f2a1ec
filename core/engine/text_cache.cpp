#include "engine/text_cache.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>

namespace cuecard {

namespace {

/// Below this many rows a past costs about as much to read as it saves.
constexpr int64_t worth_keeping = 4;
constexpr int64_t prompts_per_group = 16;

} // namespace

TextCache::TextCache(const CountedBackbone& backbone, const BackboneShape& shape, at::Device device,
                     std::vector<const TokenizedPrompt*> prompts, int64_t budget_bytes)
    : backbone_(backbone), device_(device), prompts_(std::move(prompts)), group_of_(prompts_.size(), -1),
      sequence_of_(prompts_.size(), -1) {
  const int64_t bytes_per_row = 2 * 4 * shape.layers * shape.kv_heads * shape.head_dim;
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    const int64_t rows = fixed_rows(*prompts_[i]);
    if (rows < worth_keeping || rows * bytes_per_row > budget_bytes)
      continue;
    budget_bytes -= rows * bytes_per_row;
    if (groups_.empty() || std::ssize(groups_.back()) == prompts_per_group)
      groups_.emplace_back();
    groups_.back().push_back(static_cast<int64_t>(i));
    group_of_[i] = std::ssize(groups_) - 1;
  }
  computed_.assign(groups_.size(), false);
}

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

void TextCache::compute(std::size_t group) {
  const at::NoGradGuard no_grad;
  computed_[group] = true;
  std::vector<TokenizedPrompt> fronts(groups_[group].size());
  std::vector<PackItem> items;
  for (std::size_t i = 0; i < fronts.size(); ++i) {
    const auto prompt = static_cast<std::size_t>(groups_[group][i]);
    const int64_t rows = fixed_rows(*prompts_[prompt]);
    fronts[i].input.assign(prompts_[prompt]->input.begin(), prompts_[prompt]->input.begin() + rows);
    fronts[i].answers = {rows - 1};
    fronts[i].targets = {-1};
    items.push_back({&fronts[i]});
    sequence_of_[prompt] = past_->sequences() + static_cast<int64_t>(i); // the pass adds them in this order
  }
  backbone_.forward(pack(items, {device_}), {}, past_.get());
}

std::shared_ptr<const Past> TextCache::use(std::vector<PackItem>& items, const std::vector<int64_t>& which) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto prompt = static_cast<std::size_t>(which[i]);
    if (group_of_[prompt] < 0)
      continue;
    if (!computed_[static_cast<std::size_t>(group_of_[prompt])])
      compute(static_cast<std::size_t>(group_of_[prompt]));
    items[i].past = sequence_of_[prompt];
    items[i].skip = past_->length(items[i].past);
  }
  return past_;
}

} // namespace cuecard
