/// Greedy decoding of a card's prompts that recomputes every token at each step, to compare generation with.
#pragma once

#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "engine/generate/text_bounds.hpp"
#include "engine/input_features.hpp"
#include "engine/tokenized_example.hpp"
#include "written.hpp"

namespace cuecard::test {

/// The first prompt of `example` with its answer slot open.
inline TokenizedPrompt open_prompt_of(const Model& model, const TaskPipeline& pipeline,
                                      const Example& example) {
  std::vector<Prompt> prompts = pipeline.prompt_template->render({example});
  pipeline.tuner->edit(prompts, {example, pipeline.task, false, {}});
  TokenizedPrompt prompt = tokenized(pipeline, model, prompts.at(0), {});
  read_last_token(prompt, model.shape());
  return prompt;
}

/// The tuner's conditioning for one prompt.
inline Conditioning conditioning_for(const Model& model, const TaskPipeline& pipeline,
                                     const TokenizedPrompt& prompt) {
  Counters counters;
  return pipeline.tuner->condition(
      {pipeline.task,
       {},
       input_features(model, {model.backbone(), counters}, pipeline.input_features, {&prompt})});
}

inline std::vector<int64_t> greedy_tokens(const Model& model, const TaskPipeline& pipeline,
                                          const Example& example, int64_t length) {
  const at::NoGradGuard no_grad;
  TokenizedPrompt prompt = open_prompt_of(model, pipeline, example);
  const BatchConditioning conditioning(conditioning_for(model, pipeline, prompt));
  const TextBounds bounds =
      text_bounds(model.files().configuration, model.vocabulary().special(), model.shape().vocabulary);
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < length; ++i) {
    const Batch batch = pack({{&prompt}}, {});
    const at::Tensor logits =
        model.backbone().project({model.backbone().forward({batch, conditioning}), {}}).to(at::kFloat)[0];
    const int64_t token = logits.argmax().item<int64_t>();
    if (bounds.end(token))
      break;
    ids.push_back(token);
    (prompt.output.empty() ? prompt.input : prompt.output).emplace_back().id = token;
    read_last_token(prompt, model.shape());
  }
  return ids;
}

} // namespace cuecard::test
