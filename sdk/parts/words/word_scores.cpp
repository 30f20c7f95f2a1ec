#include <cuecard/parts/words/label_words.hpp>

#include <algorithm>
#include <limits>

#include <ATen/ops/zeros.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

/// Keeps logarithms and quotients finite (OpenPrompt's constant).
constexpr double tiny = 1e-15;

} // namespace

MultiToken multi_token(const std::string& name) {
  return name == "first" ? MultiToken::first : name == "max" ? MultiToken::max : MultiToken::mean;
}

WordScores::WordScores(const LabelWords& words, MultiToken handler, const at::Device& device)
    : handler_(handler) {
  std::vector<int64_t> ids;
  std::vector<std::vector<int64_t>> flat;
  for (const std::vector<LabelWord>& of_label : words)
    for (const LabelWord& word : of_label) {
      flat.push_back(word.tokens);
      if (handler == MultiToken::first)
        flat.back().resize(1);
      ids.insert(ids.end(), flat.back().begin(), flat.back().end());
    }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());

  std::size_t width = 1;
  for (const std::vector<int64_t>& word : flat)
    width = std::max(width, word.size());
  width_ = static_cast<int64_t>(width);
  const int64_t count = std::ssize(flat), labels = std::ssize(words);

  std::vector<int64_t> columns;
  at::Tensor absent = at::zeros({count, width_}, at::kBool);
  at::Tensor counts = at::zeros({count}, at::kFloat);
  for (int64_t w = 0; w < count; ++w) {
    const std::vector<int64_t>& word = flat[static_cast<std::size_t>(w)];
    for (std::size_t t = 0; t < width; ++t) {
      const int64_t id = word[std::min(t, word.size() - 1)];
      columns.push_back(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
      absent.data_ptr<bool>()[w * width_ + static_cast<int64_t>(t)] = t >= word.size();
    }
    counts.data_ptr<float>()[w] = static_cast<float>(word.size());
  }
  at::Tensor averages = at::zeros({count, labels}, at::kFloat);
  int64_t index = 0;
  for (int64_t label = 0; label < labels; ++label) {
    const std::size_t size = words[static_cast<std::size_t>(label)].size();
    for (std::size_t w = 0; w < size; ++w, ++index)
      averages.data_ptr<float>()[index * labels + label] = 1.0f / static_cast<float>(size);
  }

  token_ids_ = index_tensor(ids, device);
  columns_ = index_tensor(columns, device);
  averages_ = averages.to(device);
  absent_ = width_ > 1 ? absent.to(device) : at::Tensor();
  counts_ = width_ > 1 ? counts.to(device) : at::Tensor();
}

at::Tensor WordScores::operator()(const at::Tensor& logits) const {
  // Keep float64, for checks against exact values.
  const at::Tensor wide = logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
  at::Tensor tokens = wide.index_select(1, columns_);
  if (width_ == 1)
    return tokens;
  tokens = tokens.view({-1, absent_.size(0), width_});
  if (handler_ == MultiToken::max)
    return tokens.masked_fill(absent_, -std::numeric_limits<float>::infinity()).amax({2});
  return tokens.masked_fill(absent_, 0).sum(2).div(counts_);
}

at::Tensor WordScores::label_means(const at::Tensor& words) const {
  return words.matmul(averages_.to(words.scalar_type()));
}

at::Tensor word_prior(const WordScores& words, const at::Tensor& calibration) {
  return calibration.defined() ? words(calibration).softmax(1) : at::Tensor();
}

at::Tensor joint_log_probs(const at::Tensor& words, const at::Tensor& prior) {
  at::Tensor p = words.softmax(1);
  if (prior.defined()) {
    p = p.div(prior.add(tiny));
    p = p.div(p.sum(1, true));
  }
  return p.add(tiny).log();
}

} // namespace cuecard
