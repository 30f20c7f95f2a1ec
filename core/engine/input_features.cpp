#include "engine/input_features.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cuecard/parts/index_tensor.hpp>

namespace cuecard {

namespace {

bool of_field(const PromptToken& token) {
  return token.origin.field >= 0 && token.soft_slot < 0;
}

/// One vector per prompt from the vectors of its tokens [tokens, width]; `offsets` has the first token of each
/// prompt.
at::Tensor pooled(const at::Tensor& vectors, const std::vector<int64_t>& offsets, bool maximum) {
  std::vector<at::Tensor> rows;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const at::Tensor own = vectors.narrow(0, offsets[i], offsets[i + 1] - offsets[i]);
    rows.push_back(own.size(0) == 0 ? at::zeros({vectors.size(1)}, vectors.options())
                   : maximum        ? own.amax(0)
                                    : own.mean(0));
  }
  return at::stack(rows);
}

at::Tensor embedding_features(const Model& model, const std::vector<const TokenizedPrompt*>& prompts,
                              bool maximum) {
  std::vector<int64_t> ids, offsets{0};
  for (const TokenizedPrompt* prompt : prompts) {
    for (const PromptToken& token : prompt->input)
      if (of_field(token))
        ids.push_back(token.id);
    offsets.push_back(std::ssize(ids));
  }
  const Backbone& backbone = model.backbone();
  return pooled(backbone.token_vectors(TokenTable::input, index_tensor(ids, backbone.device())), offsets,
                maximum);
}

at::Tensor hidden_features(const Model& model, const CountedBackbone& backbone, int64_t layers,
                           const std::vector<const TokenizedPrompt*>& prompts) {
  std::vector<TokenizedPrompt> plain(prompts.size());
  std::vector<PackItem> items;
  std::vector<int64_t> tokens, offsets{0};
  int64_t first = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (const PromptToken& token : prompts[i]->input)
      if (token.soft_slot < 0)
        plain[i].input.push_back(token);
    plain[i].answers = {std::ssize(plain[i].input) - 1};
    plain[i].targets = {-1};
    for (std::size_t t = 0; t < plain[i].input.size(); ++t)
      if (of_field(plain[i].input[t]))
        tokens.push_back(first + static_cast<int64_t>(t));
    first += std::ssize(plain[i].input);
    offsets.push_back(std::ssize(tokens));
    items.push_back({&plain[i]});
  }
  const at::Device device = model.backbone().device();
  const at::Tensor states = backbone.hidden_states(pack(items, {device}), layers);
  return pooled(states.index_select(0, index_tensor(tokens, device)).to(at::kFloat), offsets, false);
}

} // namespace

int64_t number_inputs(const std::vector<PackItem*>& items) {
  int64_t inputs = 0;
  const Example* previous = nullptr;
  for (PackItem* item : items) {
    if (!previous || item->example != previous)
      ++inputs;
    item->input = inputs - 1;
    previous = item->example;
  }
  return inputs;
}

at::Tensor input_features(const Model& model, const CountedBackbone& backbone, const InputFeatures& features,
                          const std::vector<const TokenizedPrompt*>& prompts) {
  const at::NoGradGuard no_grad;
  switch (features.kind) {
  case InputFeatures::Kind::none:
    return {};
  case InputFeatures::Kind::mean_embedding:
  case InputFeatures::Kind::max_embedding:
    return embedding_features(model, prompts, features.kind == InputFeatures::Kind::max_embedding);
  case InputFeatures::Kind::hidden_state:
    return hidden_features(model, backbone, features.layers, prompts);
  }
  return {};
}

} // namespace cuecard
