#include "engine/train/token_search.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <cuecard/parts/index_tensor.hpp>

#include "batch/batch_part.hpp"

namespace cuecard {

namespace {

/// The tokens in the trigger slots, [slots] on the device.
at::Tensor current_triggers(const TaskPipeline& pipeline, const Conditioning& conditioning,
                            const at::Device& device) {
  return conditioning.triggers.defined() ? conditioning.triggers
                                         : index_tensor(pipeline.prompt_template->triggers(), device);
}

/// Number of examples whose gold label has the highest score, on the device; NaN where decisions are not one
/// label each.
at::Tensor count_correct(const TaskPipeline& pipeline, const Scores& scores, const Batch& batch) {
  const int64_t decisions = std::ssize(scores.offsets) - 1;
  const int64_t width = decisions > 0 ? scores.offsets[1] : 0;
  bool even = decisions == batch.size() && width > 0;
  for (int64_t d = 0; even && d < decisions; ++d)
    even = scores.offsets[static_cast<std::size_t>(d) + 1] == (d + 1) * width;
  if (!even)
    return scores.values.sum() * NAN;
  const at::Tensor best = at::argmax(scores.values.reshape({decisions, width}), 1);
  if (pipeline.representatives.empty())
    return best.eq(batch.labels).sum().to(at::kFloat);
  const at::Tensor gold =
      index_tensor(pipeline.representatives, best.device()).index_select(0, batch.labels.clamp_min(0));
  return best.eq(gold).logical_and(batch.labels.ge(0)).sum().to(at::kFloat);
}

/// `prompt` with trigger slot `from` renumbered to `to`.
TokenizedPrompt with_slot(TokenizedPrompt prompt, int64_t from, int64_t to) {
  for (std::vector<PromptToken>* side : {&prompt.input, &prompt.output})
    for (PromptToken& token : *side)
      if (token.trigger_slot == from)
        token.trigger_slot = to;
  return prompt;
}

} // namespace

at::Tensor trigger_gradient(const Model& model, const TaskPipeline& pipeline, const CountedBackbone& backbone,
                            const Batch& batch, const Conditioning& conditioning) {
  const at::Tensor tokens = current_triggers(pipeline, conditioning, model.backbone().device());
  at::Tensor embeddings = model.backbone().token_vectors(TokenTable::input, tokens).detach();
  embeddings.set_requires_grad(true);
  Batch with_soft_slots = batch;
  Conditioning with = conditioning;
  const int64_t soft = conditioning.embeddings.defined() ? conditioning.embeddings.size(0) : 0;
  with.triggers = at::Tensor();
  with.embeddings = soft > 0 ? at::cat({conditioning.embeddings.detach(), embeddings}) : embeddings;
  for (Side* side : {&with_soft_slots.input, with_soft_slots.output ? &*with_soft_slots.output : nullptr})
    if (side && side->trigger_tokens.defined()) {
      side->soft_tokens = at::cat({side->soft_tokens, side->trigger_tokens});
      side->soft_slots = at::cat({side->soft_slots, side->trigger_slots + soft});
    }
  const at::Tensor hidden = backbone.forward(with_soft_slots, BatchConditioning(with));
  const at::Tensor outputs = backbone.project(hidden, pipeline.verbalizer->output_request(), with_soft_slots);
  const Scores scores = pipeline.verbalizer->score({outputs, with_soft_slots});
  const at::Tensor loss = pipeline.verbalizer->loss({scores, with_soft_slots});
  (loss * pipeline.verbalizer->weight(with_soft_slots)).backward();
  return embeddings.grad();
}

CandidateScores candidate_scores(const Model& model, const TaskPipeline& pipeline,
                                 const CountedBackbone& backbone, TrainingSet& training_set, const Batch& batch,
                                 int64_t slot, const at::Tensor& candidates, const Conditioning& conditioning,
                                 int64_t batch_tokens) {
  const at::NoGradGuard no_grad;
  const at::Device device = model.backbone().device();
  const int64_t slots = std::ssize(pipeline.prompt_template->triggers());
  // Each candidate is a trigger slot of its own, so that its token is never copied to the host.
  const at::Tensor current = current_triggers(pipeline, conditioning, device);
  Conditioning with = conditioning;
  with.triggers = at::cat({current, candidates});

  std::vector<const Example*> examples;
  int64_t length = 1;
  for (int64_t e = 0; e < batch.size(); ++e)
    if (batch.begins_example(e)) {
      examples.push_back(batch.examples[static_cast<std::size_t>(e)]);
      for (const TokenizedPrompt& prompt : training_set.prompts_of(*examples.back()))
        length += static_cast<int64_t>(prompt.input.size() + prompt.output.size());
    }
  const int64_t count = candidates.size(0), at_once = std::clamp<int64_t>(batch_tokens / length, 1, count);
  std::vector<at::Tensor> losses, corrects;
  for (int64_t first = 0; first < count; first += at_once) {
    const int64_t width = std::min(at_once, count - first);
    std::deque<TokenizedPrompt> prompts; // items point to them, so they must not move
    std::vector<PackItem> items;
    std::vector<int64_t> numbers;
    std::vector<std::vector<int64_t>> entries(static_cast<std::size_t>(width)); // of each candidate
    for (const Example* example : examples)
      for (int64_t candidate = 0; candidate < width; ++candidate) {
        int64_t number = training_set.first_prompt_of(*example);
        for (const TokenizedPrompt& prompt : training_set.prompts_of(*example)) {
          entries[static_cast<std::size_t>(candidate)].push_back(std::ssize(items));
          items.push_back({&prompts.emplace_back(with_slot(prompt, slot, slots + first + candidate)), example});
          numbers.push_back(number++);
        }
      }
    const Batch all = training_set.packed(std::move(items), numbers);
    const at::Tensor hidden = backbone.forward(all, BatchConditioning(with));
    const at::Tensor outputs = backbone.project(hidden, pipeline.verbalizer->output_request(), all);
    for (const std::vector<int64_t>& own : entries) {
      const BatchPart part = part_of(all, own);
      const Scores scores = pipeline.verbalizer->score({outputs.index_select(0, part.answers), part.batch});
      losses.push_back(pipeline.verbalizer->loss({scores, part.batch}) *
                       pipeline.verbalizer->weight(part.batch));
      corrects.push_back(count_correct(pipeline, scores, part.batch));
    }
  }
  return {at::stack(losses), at::stack(corrects)};
}

} // namespace cuecard
