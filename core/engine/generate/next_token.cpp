#include "engine/generate/next_token.hpp"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/max.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// Whether the last `count` tokens of `ids` equal the first `count` of `sequence`.
bool ends_with(const std::vector<int64_t>& ids, const std::vector<int64_t>& sequence, std::ptrdiff_t count) {
  return std::ssize(ids) >= count && std::equal(ids.end() - count, ids.end(), sequence.begin());
}

/// Adds the tokens that followed earlier occurrences of the last n - 1 tokens.
void add_repeated_ngrams(const std::vector<int64_t>& ids, int64_t n, std::vector<int64_t>& banned) {
  const std::ptrdiff_t before = n - 1;
  if (std::ssize(ids) < n || std::find(ids.end() - before, ids.end(), -1) != ids.end())
    return;
  const auto tail = ids.end() - before;
  for (auto start = ids.begin(); start + before < ids.end(); ++start)
    if (start[before] >= 0 && std::equal(tail, ids.end(), start))
      banned.push_back(start[before]);
}

std::vector<int64_t> banned_tokens(const TextSoFar& text, const GenerateSettings& settings,
                                   const TextBounds& bounds) {
  std::vector<int64_t> banned;
  if (settings.no_repeat_ngram > 0)
    add_repeated_ngrams(*text.ids, settings.no_repeat_ngram, banned);
  for (const std::vector<int64_t>& sequence : settings.banned)
    if (!sequence.empty() && ends_with(*text.ids, sequence, std::ssize(sequence) - 1))
      banned.push_back(sequence.back());
  if (text.written < settings.min_length)
    banned.insert(banned.end(), bounds.ends.begin(), bounds.ends.end());
  return banned;
}

/// The token that the model forces at this position. The first one is forced when there is only the decoder's
/// start token.
std::optional<int64_t> forced_token(const TextSoFar& text, const TextBounds& bounds) {
  if (bounds.last && text.written + 1 == text.most)
    return bounds.last;
  return text.ids->size() == 1 ? bounds.first : std::nullopt;
}

std::vector<int64_t> distinct_tokens(std::vector<int64_t> ids) {
  std::erase(ids, -1);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

/// `ids`, `scores` and `log_probs`, all [n, k], in one transfer.
ChosenTokens to_host(const at::Tensor& ids, const at::Tensor& scores, const at::Tensor& log_probs) {
  const at::Tensor host = at::stack({ids.to(at::kDouble), scores.to(at::kDouble), log_probs.to(at::kDouble)})
                              .to(at::kCPU)
                              .contiguous();
  const double* value = host.const_data_ptr<double>();
  const int64_t count = ids.numel();
  ChosenTokens chosen;
  chosen.per_row = ids.size(1);
  for (int64_t i = 0; i < count; ++i) {
    chosen.ids.push_back(static_cast<int64_t>(value[i]));
    chosen.scores.push_back(static_cast<float>(value[count + i]));
    chosen.log_probs.push_back(value[2 * count + i]);
  }
  return chosen;
}

} // namespace

at::Tensor constrained(const at::Tensor& scores, const std::vector<TextSoFar>& texts,
                       const GenerateSettings& settings, const TextBounds& bounds) {
  constexpr float forbidden = -std::numeric_limits<float>::infinity();
  const int64_t width = scores.size(1);
  std::vector<int64_t> repeated, banned, forced, forced_rows;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    const int64_t first = static_cast<int64_t>(row) * width;
    if (const auto token = forced_token(texts[row], bounds)) {
      forced.push_back(first + *token);
      forced_rows.push_back(static_cast<int64_t>(row));
      continue;
    }
    if (settings.repetition_penalty != 1)
      for (const int64_t id : distinct_tokens(*texts[row].ids))
        repeated.push_back(first + id);
    for (const int64_t id : banned_tokens(texts[row], settings, bounds))
      banned.push_back(first + id);
  }
  if (repeated.empty() && banned.empty() && forced.empty())
    return scores;
  const at::Tensor changed = scores.clone();
  const at::Tensor flat = changed.view({-1});
  const auto places = [&](const std::vector<int64_t>& which) { return index_tensor(which, scores.device()); };
  if (!repeated.empty()) {
    const at::Tensor before = flat.index_select(0, places(repeated));
    const double penalty = settings.repetition_penalty;
    flat.index_copy_(0, places(repeated), at::where(before < 0, before * penalty, before / penalty));
  }
  if (!banned.empty())
    flat.index_fill_(0, places(banned), forbidden);
  if (!forced.empty()) {
    changed.index_fill_(0, places(forced_rows), forbidden);
    flat.index_fill_(0, places(forced), 0);
  }
  return changed;
}

ChosenTokens best_tokens(const at::Tensor& scores, const at::Tensor& log_probs, int64_t count) {
  const auto [values, ids] =
      count == 1 ? at::max(scores, 1, true) : at::topk(scores, std::min(count, scores.size(1)), 1);
  return to_host(ids, values, log_probs.gather(1, ids));
}

ChosenTokens drawn_tokens(const at::Tensor& scores, const at::Tensor& log_probs,
                          const GenerateSettings& settings, const std::vector<double>& uniforms) {
  const int64_t width = scores.size(1);
  const int64_t count = settings.top_k > 0 ? std::min(settings.top_k, width) : width;
  const auto [values, ids] = at::topk(scores / settings.temperature, count, 1);
  at::Tensor probs = values.to(at::kDouble).softmax(1);
  const at::Tensor of_better = probs.cumsum(1) - probs; // total probability of all better tokens
  at::Tensor kept = of_better < settings.top_p;
  if (settings.min_p > 0)
    kept = kept.logical_and(probs >= probs.narrow(1, 0, 1) * settings.min_p);
  kept.select(1, 0).fill_(true);
  probs = probs * kept;
  const at::Tensor cumulative = probs.cumsum(1);
  const at::Tensor threshold =
      at::from_blob(const_cast<double*>(uniforms.data()), {std::ssize(uniforms), 1}, at::kDouble)
          .clone()
          .to(scores.device(), true) *
      cumulative.narrow(1, count - 1, 1);
  const at::Tensor rank = (cumulative <= threshold).sum(1, true).clamp(0, count - 1);
  const at::Tensor sampled = ids.gather(1, rank);
  return to_host(sampled, values.gather(1, rank), log_probs.gather(1, sampled));
}

} // namespace cuecard
