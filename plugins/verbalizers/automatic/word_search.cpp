#include "word_search.hpp"

#include <algorithm>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard::automatic {

namespace {

constexpr double tiny = 1e-15;

} // namespace

void WordSearch::add(const at::Tensor& log_probs, const std::vector<int64_t>& labels) {
  std::vector<int64_t> labelled, of_label;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] >= 0) {
      labelled.push_back(static_cast<int64_t>(i));
      of_label.push_back(labels[i]);
      ++counts_.at(static_cast<std::size_t>(labels[i]));
    }
  if (!likely_.defined()) {
    likely_ = at::zeros({std::ssize(counts_), log_probs.size(1)}, log_probs.options().dtype(at::kDouble));
    unlikely_ = at::zeros_like(likely_);
  }
  const at::Tensor p =
      log_probs.index_select(0, index_tensor(labelled, log_probs.device())).to(at::kDouble).exp();
  const at::Tensor index = index_tensor(of_label, log_probs.device());
  likely_.index_add_(0, index, p.add(tiny).log());
  unlikely_.index_add_(0, index, p.neg().add(1 + tiny).log());
}

std::vector<std::vector<int64_t>> WordSearch::best(const at::Tensor& allowed,
                                                   const SearchSettings& settings) const {
  const int64_t usable = allowed.sum().item<int64_t>(), labels = std::ssize(counts_);
  const int64_t candidates = std::min(settings.candidates, usable),
                words = std::min(settings.words_per_label, candidates);
  int64_t examples = 0;
  for (const int64_t count : counts_)
    examples += count;
  const at::Tensor never = allowed.logical_not(), all_likely = likely_.sum(0), all_unlikely = unlikely_.sum(0);
  std::vector<std::vector<int64_t>> found;
  for (int64_t y = 0; y < labels; ++y) {
    const int64_t own = counts_[static_cast<std::size_t>(y)], others = examples - own;
    const double s =
        settings.balance && others > 0 ? static_cast<double>(own) / static_cast<double>(others) : 1.0;
    const at::Tensor likely = likely_.select(0, y), unlikely = unlikely_.select(0, y);
    const at::Tensor other_likely = all_likely - likely, other_unlikely = all_unlikely - unlikely;
    const at::Tensor scores = settings.cross_entropy
                                  ? likely + other_unlikely.mul(s)
                                  : (likely - unlikely) + (other_unlikely - other_likely).mul(s);
    const at::Tensor chosen =
        std::get<1>(at::topk(likely.masked_fill(never, -std::numeric_limits<double>::infinity()), candidates));
    const at::Tensor best = std::get<1>(at::topk(scores.index_select(0, chosen), words));
    const at::Tensor ids = chosen.index_select(0, best).to(at::kCPU);
    found.emplace_back(ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel());
  }
  return found;
}

} // namespace cuecard::automatic
