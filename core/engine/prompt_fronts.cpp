#include "engine/prompt_fronts.hpp"

#include <algorithm>

namespace cuecard {

namespace {

/// Fewer shared rows save less than the lookup of a past costs.
constexpr int64_t worth_sharing = 2;

} // namespace

void PromptFronts::use(PackItem& item, Past& past) const {
  const auto found = fronts_.find(item.card);
  if (found == fronts_.end())
    return;
  const Front& front = found->second;
  const std::vector<TokenRow>& rows = item.prompt->input;
  const int64_t most = std::min(std::ssize(rows) - 1, std::ssize(front.rows)); // the last row is read
  const auto differ = std::mismatch(rows.begin(), rows.begin() + most, front.rows.begin(), same_row);
  const int64_t same = differ.first - rows.begin();
  if (same < worth_sharing)
    return;
  item.skip = same;
  item.past = past.fork(front.sequence);
  const auto to = static_cast<std::size_t>(item.past);
  past.next_position[to] -= past.length(front.sequence) - same;
  past.ranges[to] = past.front(front.sequence, same);
}

void PromptFronts::learn(const PackItem& item, int64_t sequence, Past& past) {
  if (!fronts_.contains(item.card) && std::ssize(item.prompt->input) >= worth_sharing)
    fronts_[item.card] = {item.prompt->input, past.fork(sequence)};
}

std::shared_ptr<Past> PromptFronts::kept_of(const Past& past) {
  std::vector<int64_t> kept;
  for (auto& [card, front] : fronts_) {
    kept.push_back(front.sequence);
    front.sequence = std::ssize(kept) - 1;
  }
  return std::make_shared<Past>(past.select(kept));
}

} // namespace cuecard
