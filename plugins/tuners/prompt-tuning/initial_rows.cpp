#include "initial_rows.hpp"

#include <algorithm>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/std.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/random.hpp>

namespace cuecard {

namespace {

/// The paper samples among the 5,000 most common tokens, which are the first ones of its vocabulary.
constexpr int64_t common_tokens = 5000;

at::Tensor rows_of(const Backbone& backbone, std::vector<int64_t> ids) {
  const at::Tensor index = at::from_blob(ids.data(), {static_cast<int64_t>(ids.size())}, at::kLong).clone();
  return backbone.token_rows(TokenTable::input, index.to(backbone.device())).to(at::kCPU);
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

} // namespace

at::Tensor initial_rows(const std::string& how, const std::string& text, int64_t count,
                        const Problem& problem) {
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
