#include "engine/triggers.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cuecard/error.hpp>

#include "engine/predictor.hpp"

namespace cuecard {

namespace {

/// The tokens that stand in the trigger slots, [slots] on the device.
at::Tensor current_triggers(const Method& method, const Conditioning& conditioning, const at::Device& device) {
  if (conditioning.triggers.defined())
    return conditioning.triggers;
  const std::vector<int64_t>& ids = method.prompt_template->triggers();
  return at::from_blob(const_cast<int64_t*>(ids.data()), {std::ssize(ids)}, at::kLong).clone().to(device);
}

/// Rows 0 to count - 1 of `candidate` among prompts that are laid example by example, `width` candidates each:
/// the batch as the verbalizer would see it with that candidate, and its rows among the answers.
struct OfCandidate {
  Batch batch;
  std::vector<int64_t> answers;
};

OfCandidate of_candidate(const Batch& all, int64_t candidate, int64_t width,
                         const std::vector<int64_t>& prompts) {
  std::vector<int64_t> entries;
  int64_t first = 0; // of the example's entries
  for (const int64_t count : prompts) {
    for (int64_t i = 0; i < count; ++i)
      entries.push_back(first + candidate * count + i);
    first += count * width;
  }
  OfCandidate part;
  std::vector<int64_t> picked = entries;
  for (const int64_t entry : entries) {
    const auto e = static_cast<std::size_t>(entry);
    for (int64_t answer = all.answer_offsets[e]; answer < all.answer_offsets[e + 1]; ++answer) {
      part.answers.push_back(answer);
      part.batch.answer_rows_host.push_back(all.answer_rows_host[static_cast<std::size_t>(answer)]);
      part.batch.answer_origin.push_back(all.answer_origin[static_cast<std::size_t>(answer)]);
    }
    part.batch.answer_offsets.push_back(std::ssize(part.answers));
    part.batch.examples.push_back(all.examples[e]);
    part.batch.choices.push_back(all.choices[e]);
    part.batch.variants.push_back(all.variants[e]);
    part.batch.candidates.push_back(all.candidates[e]);
    part.batch.cards.push_back(all.cards[e]);
    part.batch.sequence_of.push_back(all.sequence_of[e]);
  }
  const auto index = [&](const std::vector<int64_t>& values) {
    return at::from_blob(const_cast<int64_t*>(values.data()), {std::ssize(values)}, at::kLong)
        .clone()
        .to(all.labels.device(), true);
  };
  const at::Tensor rows = index(part.answers);
  part.batch.answer_rows = all.answer_rows.index_select(0, rows);
  part.batch.answer_targets = all.answer_targets.index_select(0, rows);
  part.batch.answer_labels = all.answer_labels.index_select(0, rows);
  part.batch.labels = all.labels.index_select(0, index(picked));
  return part;
}

/// How many examples have their gold label's score highest, on the device; NaN where decisions aren't one label
/// each.
at::Tensor count_correct(const Scores& scores, const Batch& batch) {
  const int64_t decisions = std::ssize(scores.offsets) - 1;
  const int64_t width = decisions > 0 ? scores.offsets[1] : 0;
  bool even = decisions == batch.size() && width > 0;
  for (int64_t d = 0; even && d < decisions; ++d)
    even = scores.offsets[static_cast<std::size_t>(d) + 1] == (d + 1) * width;
  if (!even)
    return scores.values.sum() * NAN;
  return at::argmax(scores.values.view({decisions, width}), 1).eq(batch.labels).sum().to(at::kFloat);
}

} // namespace

at::Tensor trigger_gradient(const Model& model, const Method& method, const CountedBackbone& backbone,
                            const Batch& batch, const Conditioning& conditioning) {
  const at::Tensor tokens = current_triggers(method, conditioning, model.backbone().device());
  at::Tensor embeddings = model.backbone().token_rows(TokenTable::input, tokens).detach();
  embeddings.set_requires_grad(true);
  Batch soft = batch;
  Conditioning with = conditioning;
  const int64_t learned = conditioning.embeddings.defined() ? conditioning.embeddings.size(0) : 0;
  with.triggers = at::Tensor();
  with.embeddings = learned > 0 ? at::cat({conditioning.embeddings.detach(), embeddings}) : embeddings;
  for (Side* side : {&soft.input, soft.output ? &*soft.output : nullptr})
    if (side && side->trigger_rows.defined()) {
      side->soft_rows = at::cat({side->soft_rows, side->trigger_rows});
      side->soft_slots = at::cat({side->soft_slots, side->trigger_slots + learned});
    }
  const at::Tensor hidden = backbone.forward(soft, with);
  const at::Tensor values = backbone.read(hidden, method.verbalizer->readout(), soft);
  const Pass pass;
  const at::Tensor loss = method.verbalizer->loss(method.verbalizer->score(values, soft, pass), soft);
  (loss * method.verbalizer->weight(soft)).backward();
  return embeddings.grad();
}

TriggerScores trigger_scores(const Model& model, const Method& method, const CountedBackbone& backbone,
                             const TrainingRows& rows, const Batch& batch, int64_t slot,
                             const at::Tensor& candidates, const Conditioning& conditioning,
                             int64_t batch_tokens) {
  const at::NoGradGuard no_grad;
  const at::Device device = model.backbone().device();
  const int64_t slots = std::ssize(method.prompt_template->triggers());
  // Each candidate is a trigger slot of its own, so that its token never has to come to the host.
  const at::Tensor current = current_triggers(method, conditioning, device);
  Conditioning with = conditioning;
  with.triggers = at::cat({current, candidates});

  std::vector<const Example*> examples;
  int64_t length = 1;
  for (int64_t e = 0; e < batch.size(); ++e)
    if (batch.begins_example(e)) {
      examples.push_back(batch.examples[static_cast<std::size_t>(e)]);
      for (const TokenizedPrompt& prompt : rows.prompts_of(*examples.back()))
        length += static_cast<int64_t>(prompt.input.size() + prompt.output.size());
    }
  const int64_t count = candidates.size(0), at_once = std::clamp<int64_t>(batch_tokens / length, 1, count);
  std::vector<at::Tensor> losses, corrects;
  for (int64_t first = 0; first < count; first += at_once) {
    const int64_t width = std::min(at_once, count - first);
    std::vector<TokenizedPrompt> prompts;
    std::vector<const Example*> owners;
    std::vector<int64_t> per_example;
    for (const Example* example : examples) {
      const std::vector<TokenizedPrompt>& own = rows.prompts_of(*example);
      per_example.push_back(std::ssize(own));
      for (int64_t candidate = first; candidate < first + width; ++candidate)
        for (const TokenizedPrompt& prompt : own) {
          TokenizedPrompt& changed = prompts.emplace_back(prompt);
          owners.push_back(example);
          for (std::vector<TokenRow>* side : {&changed.input, &changed.output})
            for (TokenRow& row : *side)
              if (row.trigger_slot == slot)
                row.trigger_slot = slots + candidate;
        }
    }
    std::vector<PackItem> items;
    for (std::size_t i = 0; i < prompts.size(); ++i)
      items.push_back({&prompts[i], owners[i]});
    const Batch all = pack(items, {device, model.backbone().shape().causal});
    const at::Tensor hidden = backbone.forward(all, with);
    const at::Tensor values = backbone.read(hidden, method.verbalizer->readout(), all);
    for (int64_t candidate = 0; candidate < width; ++candidate) {
      const OfCandidate part = of_candidate(all, candidate, width, per_example);
      const at::Tensor own = values.index_select(
          0, at::from_blob(const_cast<int64_t*>(part.answers.data()), {std::ssize(part.answers)}, at::kLong)
                 .clone()
                 .to(device, true));
      const Scores scores = method.verbalizer->score(own, part.batch, {});
      losses.push_back(method.verbalizer->loss(scores, part.batch) * method.verbalizer->weight(part.batch));
      corrects.push_back(count_correct(scores, part.batch));
    }
  }
  return {at::stack(losses), at::stack(corrects)};
}

} // namespace cuecard
