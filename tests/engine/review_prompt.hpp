/// The prompt `Review: {text} It was`, token by token, and the log-probabilities of a model on tokens forwarded by themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "batch/pack.hpp"
#include "engine/model.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard::test {

inline std::vector<int64_t> ids_of(const Model& model, const std::string& text) {
  std::vector<int64_t> ids;
  for (const Token& token : model.vocabulary().encode(text))
    ids.push_back(token.id);
  return ids;
}

/// What precedes the answer.
inline std::vector<int64_t> review_ids(const Model& model, const std::string& text) {
  const auto& prefix = model.vocabulary().sequence_prefix();
  std::vector<int64_t> ids(prefix.begin(), prefix.end());
  for (const std::string& piece :
       {std::string("Review:"), text.empty() ? "" : " " + text, std::string(" It was")})
    for (const int64_t id : ids_of(model, piece))
      ids.push_back(id);
  return ids;
}

/// [tokens, vocabulary] over the vocabulary at all tokens of one sequence, of a soft prompt `soft` [n, width] first.
inline at::Tensor log_probs_of(const Model& model, const std::vector<int64_t>& ids,
                               const at::Tensor& soft = {}) {
  TokenizedPrompt prompt;
  Conditioning conditioning;
  conditioning.embeddings = soft;
  for (int64_t slot = 0; soft.defined() && slot < soft.size(0); ++slot) {
    prompt.input.emplace_back();
    prompt.input.back().soft_slot = slot;
  }
  for (const int64_t id : ids) {
    prompt.input.emplace_back();
    prompt.input.back().id = id;
  }
  prompt.answers = {0};
  prompt.targets = {-1};
  const at::NoGradGuard no_grad;
  const Batch batch = pack({{&prompt}}, {});
  return model.backbone()
      .project({model.backbone().forward({batch, conditioning, nullptr, true}), {OutputRequest::Kind::logits}})
      .to(at::kDouble)
      .log_softmax(1);
}

} // namespace cuecard::test
