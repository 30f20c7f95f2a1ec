/// Texts generated after token ids, and reference results that recompute every token at each step.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "engine/generate/generator.hpp"
#include "tasks.hpp"

namespace cuecard::test {

/// Token ids as a prompt to continue; negative ones are soft slots, -1 the first. `written`: tokens that
/// already follow it.
inline TokenizedPrompt prompt_of(const Model& model, const std::vector<int64_t>& ids,
                                 const std::vector<int64_t>& written = {}) {
  TokenizedPrompt prompt;
  for (const int64_t id : ids) {
    prompt.input.emplace_back();
    if (id < 0)
      prompt.input.back().soft_slot = -1 - id;
    else
      prompt.input.back().id = id;
  }
  read_last_token(prompt, model.shape());
  std::vector<PromptToken>& side = prompt.output.empty() ? prompt.input : prompt.output;
  for (const int64_t id : written) {
    side.emplace_back();
    side.back().id = id;
  }
  read_last_token(prompt, model.shape());
  return prompt;
}

inline std::vector<TokenizedPrompt> prompts_of(const Model& model,
                                               const std::vector<std::vector<int64_t>>& ids) {
  std::vector<TokenizedPrompt> prompts;
  for (const std::vector<int64_t>& each : ids)
    prompts.push_back(prompt_of(model, each));
  return prompts;
}

inline std::vector<PackItem> items_of(const std::vector<TokenizedPrompt>& prompts) {
  std::vector<PackItem> items;
  for (const TokenizedPrompt& prompt : prompts)
    items.push_back({&prompt});
  return items;
}

/// Lists that a recording stores concatenated.
inline std::vector<std::vector<int64_t>> lists(const Recording& recording, const std::string& values,
                                               const std::string& offsets) {
  const std::vector<int64_t> all = recording.list(values), ends = recording.list(offsets);
  std::vector<std::vector<int64_t>> result;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i)
    result.emplace_back(all.begin() + ends[i], all.begin() + ends[i + 1]);
  return result;
}

struct Written {
  std::vector<std::vector<Generated>> texts;
  Counters counters;
};

inline Written written(const Model& model, const std::vector<TokenizedPrompt>& prompts,
                       const GenerateSettings& settings, const Conditioning& conditioning = {},
                       int64_t texts = 32) {
  Written result;
  Generator generator(model, {model.backbone(), result.counters}, {texts, 4096});
  const auto fixed = std::make_shared<const BatchConditioning>(conditioning);
  result.texts = generator.write(
      items_of(prompts), [&](std::vector<PackItem>&) { return fixed; }, settings);
  return result;
}

/// Logits of the next token, without a cache.
inline at::Tensor next_logits(const Model& model, const std::vector<int64_t>& prompt,
                              const std::vector<int64_t>& text, const Conditioning& conditioning = {}) {
  const TokenizedPrompt whole = prompt_of(model, prompt, text);
  const Batch batch = pack({{&whole}}, {});
  const at::NoGradGuard no_grad;
  return model.backbone().project({model.backbone().forward({batch, conditioning}), {}}).to(at::kFloat)[0];
}

struct Expected {
  std::vector<int64_t> ids;
  double log_prob = 0;
};

/// Greedy, by hand.
inline Expected greedy(const Model& model, const std::vector<int64_t>& prompt, int64_t length,
                       const Conditioning& conditioning = {}) {
  Expected expected;
  for (int64_t i = 0; i < length; ++i) {
    const at::Tensor log_probs = next_logits(model, prompt, expected.ids, conditioning).log_softmax(0);
    const int64_t token = log_probs.argmax().item<int64_t>();
    expected.log_prob += log_probs[token].item<double>();
    if (token == model.vocabulary().special().eos)
      break;
    expected.ids.push_back(token);
  }
  return expected;
}

const std::vector<std::vector<int64_t>> some_prompts{
    {20, 31, 42, 53, 64, 75}, {17}, {20, 31, 42, 9}, {88, 21}, {20, 31, 42, 53, 11, 12, 13}};

} // namespace cuecard::test
