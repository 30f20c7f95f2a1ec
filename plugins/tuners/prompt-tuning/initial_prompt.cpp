#include "initial_prompt.hpp"

#include <algorithm>

#include <ATen/ops/mean.h>
#include <ATen/ops/std.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/index_tensor.hpp>
#include <cuecard/parts/random.hpp>
#include <cuecard/parts/training/named_tensors.hpp>
#include <cuecard/parts/training/sampled_tokens.hpp>

namespace cuecard {

namespace {

at::Tensor embeddings_of(const Backbone& backbone, const std::vector<int64_t>& ids) {
  return backbone.token_vectors(TokenTable::input, index_tensor(ids, backbone.device())).to(at::kCPU);
}

std::vector<int64_t> sample_tokens(int64_t count, const Problem& problem) {
  std::vector<int64_t> ids =
      sample_common_tokens(count, Random(problem.seed, stream_id("prompt")), problem.vocabulary);
  if (ids.empty())
    throw DataError("the model's vocabulary has only special tokens, and a soft prompt can't be initialised "
                    "from these; use init=text.");
  return ids;
}

std::vector<int64_t> tokens_of(const std::string& text, int64_t count, const Vocabulary& vocabulary) {
  const std::vector<Token> tokens = vocabulary.encode(text);
  if (tokens.empty())
    throw UsageError("init=text needs words in init-text, found \"" + text + "\".");
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(tokens[static_cast<std::size_t>(i) % tokens.size()].id);
  return ids;
}

void set_label_means(at::Tensor& prompt, const Problem& problem) {
  int64_t next = 0;
  for (const Task& task : problem.tasks)
    for (std::size_t label = 0; label < task.labels.size() && next < prompt.size(0); ++label) {
      std::vector<int64_t> ids;
      for (const std::string& text : task.verbalizer.answer_text(static_cast<int64_t>(label)))
        for (const Token& token : problem.vocabulary.encode(text))
          ids.push_back(token.id);
      if (!ids.empty())
        prompt[next++].copy_(at::mean(embeddings_of(problem.backbone, ids), {0}));
    }
}

/// Prompt transfer (Vu et al. 2022): initialises from the soft prompt of another task.
at::Tensor prompt_of_card(int64_t count, const Problem& problem) {
  const auto card = problem.cards.find("from");
  if (card == problem.cards.end())
    throw UsageError("init=card needs a card: set from to its path.");
  const int64_t width = problem.backbone.shape().embedding_width;
  const auto found = card->second.tensors.find("prompt");
  if (found == card->second.tensors.end())
    throw UsageError(
        "the card named by the option \"from\" has no soft prompt; choose a card of prompt-tuning or p-tuning.");
  if (found->second.sizes() != at::IntArrayRef({count, width}) || !found->second.is_floating_point())
    throw UsageError("the card named by the option \"from\" has a soft prompt of " + sizes_of(found->second) +
                     " numbers, and " + std::to_string(count) + " x " + std::to_string(width) +
                     " are needed; set length, or choose a card of the same model.");
  return found->second.to(at::kCPU, at::kFloat).clone();
}

} // namespace

at::Tensor initial_prompt(const std::string& init, const std::string& text, int64_t count,
                          const Problem& problem) {
  if (init == "card")
    return prompt_of_card(count, problem);
  if (init == "text")
    return embeddings_of(problem.backbone, tokens_of(text, count, problem.vocabulary));
  at::Tensor prompt = embeddings_of(problem.backbone, sample_tokens(count, problem));
  if (init == "labels")
    set_label_means(prompt, problem);
  if (init == "random") {
    Random random(problem.seed, stream_id("random"));
    const double deviation = prompt.numel() > 1 ? at::std(prompt).item<double>() : 0.02;
    prompt = random.normal_tensor(prompt.sizes(), deviation);
  }
  return prompt;
}

} // namespace cuecard
