#include "engine/representation.hpp"

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>
#include <cuecard/parts/entry_means.hpp>

#include "batch/pack.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

/// The prompts of one pass, and the example of each.
struct Waiting {
  std::vector<TokenizedPrompt> prompts;
  std::vector<std::size_t> examples;
  int64_t length = 0;
};

} // namespace

std::vector<at::Tensor> representations(const Model& model, const TaskPipeline& pipeline,
                                        const CountedBackbone& backbone,
                                        const std::vector<const Example*>& examples, int64_t batch_tokens) {
  std::vector<at::Tensor> result(examples.size());
  if (!pipeline.tuner->wants_representation())
    return result;
  const at::NoGradGuard no_grad;
  Waiting waiting;
  const auto flush = [&]() {
    if (waiting.prompts.empty())
      return;
    std::vector<PackItem> items;
    for (std::size_t i = 0; i < waiting.prompts.size(); ++i)
      items.push_back({&waiting.prompts[i], examples[waiting.examples[i]]});
    const Batch batch = pack(items, {model.backbone().device(), model.shape().causal});
    const at::Tensor hidden =
        backbone.project(backbone.forward(batch, {}), {OutputRequest::Kind::hidden_states}, batch);
    const at::Tensor means = entry_means(hidden, batch).to(at::kCPU);
    for (std::size_t i = 0; i < waiting.examples.size(); ++i)
      result[waiting.examples[i]] = means[static_cast<int64_t>(i)];
    waiting = {};
  };
  for (std::size_t i = 0; i < examples.size(); ++i) {
    TokenizedPrompt prompt;
    try {
      const std::vector<Prompt> own = pipeline.prompt_template->render({*examples[i]});
      prompt = tokenized(pipeline, model, own.at(0), {OutputPositions::Kind::tokens, ""});
    } catch (const DataError&) {
      continue; // reported when the example itself is tokenized
    }
    const auto length = static_cast<int64_t>(prompt.input.size() + prompt.output.size());
    if (waiting.length + length > batch_tokens)
      flush();
    waiting.length += length;
    waiting.prompts.push_back(std::move(prompt));
    waiting.examples.push_back(i);
  }
  flush();
  return result;
}

} // namespace cuecard
