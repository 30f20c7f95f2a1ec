#include "initial_rows.hpp"

#include <algorithm>

#include <ATen/ops/mean.h>
#include <ATen/ops/std.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard {

namespace {

/// The paper samples among the 5,000 most common tokens, which are the first ones of its vocabulary.
constexpr int64_t common_tokens = 5000;

at::Tensor rows_of(const Backbone& backbone, const std::vector<int64_t>& ids) {
  return backbone.token_rows(TokenTable::input, index_tensor(ids, backbone.device())).to(at::kCPU);
}

std::vector<int64_t> sampled(int64_t count, const Problem& problem) {
  const Vocabulary& vocabulary = problem.vocabulary;
  std::vector<int64_t> ordinary;
  for (int64_t id = 0; id < vocabulary.size() && static_cast<int64_t>(ordinary.size()) < common_tokens; ++id)
    if (!vocabulary.is_special(id))
      ordinary.push_back(id);
  if (ordinary.empty())
    throw DataError(
        "the model's vocabulary has no ordinary tokens to start learned rows from; use init=random.");
  Random random(problem.seed, 0x70726f6d7074); // "prompt"
  const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(ordinary.size()));
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(ordinary[static_cast<std::size_t>(order[static_cast<std::size_t>(i) % order.size()])]);
  return ids;
}

std::vector<int64_t> spelled(const std::string& text, int64_t count, const Vocabulary& vocabulary) {
  const std::vector<Token> tokens = vocabulary.encode(text);
  if (tokens.empty())
    throw UsageError("init=text needs words in init-text, found \"" + text + "\".");
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(tokens[static_cast<std::size_t>(i) % tokens.size()].id);
  return ids;
}

std::string sizes_of(const at::Tensor& tensor) {
  std::string sizes;
  for (const int64_t size : tensor.sizes())
    sizes += (sizes.empty() ? "" : " x ") + std::to_string(size);
  return sizes;
}

void put_label_means(at::Tensor& rows, const Problem& problem) {
  int64_t row = 0;
  for (const Task& task : problem.tasks)
    for (std::size_t label = 0; label < task.labels.size() && row < rows.size(0); ++label) {
      std::vector<int64_t> ids;
      for (const std::string& text : task.verbalizer.answer_text(static_cast<int64_t>(label)))
        for (const Token& token : problem.vocabulary.encode(text))
          ids.push_back(token.id);
      if (!ids.empty())
        rows[row++].copy_(at::mean(rows_of(problem.backbone, ids), {0}));
    }
}

/// Prompt transfer (Vu et al. 2022): a run starts from where one on another task ended.
at::Tensor transferred(int64_t count, const Problem& problem) {
  const auto card = problem.cards.find("from");
  if (card == problem.cards.end())
    throw UsageError("init=card needs a card to start from: set from to one.");
  const int64_t width = problem.backbone.shape().embedding_width;
  const auto found = card->second.tensors.find("prompt");
  if (found == card->second.tensors.end())
    throw UsageError("the card that from names has no learned rows among the word embeddings; choose one of "
                     "prompt-tuning or p-tuning.");
  if (found->second.sizes() != at::IntArrayRef({count, width}) || !found->second.is_floating_point())
    throw UsageError("the card that from names has learned " + sizes_of(found->second) + " numbers where " +
                     std::to_string(count) + " x " + std::to_string(width) +
                     " are to be learned; set length, or choose a card of the same model.");
  return found->second.to(at::kCPU, at::kFloat).clone();
}

} // namespace

at::Tensor initial_rows(const std::string& how, const std::string& text, int64_t count,
                        const Problem& problem) {
  if (how == "card")
    return transferred(count, problem);
  if (how == "text")
    return rows_of(problem.backbone, spelled(text, count, problem.vocabulary));
  at::Tensor rows = rows_of(problem.backbone, sampled(count, problem));
  if (how == "labels")
    put_label_means(rows, problem);
  if (how == "random") {
    Random random(problem.seed, 0x72616e646f6d); // "random"
    const double deviation = rows.numel() > 1 ? at::std(rows).item<double>() : 0.02;
    rows = random.normal_tensor(rows.sizes(), deviation);
  }
  return rows;
}

} // namespace cuecard
