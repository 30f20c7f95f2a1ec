// Predictor::score: how likely given texts are after a prompt.
#include <algorithm>

#include <ATen/core/grad_mode.h>

#include <cuecard/error.hpp>

#include "engine/checks/finite_check.hpp"
#include "engine/predict/predictor.hpp"
#include "engine/tokenized_example.hpp"

namespace cuecard {

namespace {

/// The prompt of `example` with `text` in its answer slot, at whose tokens the outputs are computed.
TokenizedPrompt continued(const TaskPipeline& pipeline, const Model& model, const Example& example,
                          const std::string& text, const at::Tensor& representation) {
  if (pipeline.prompt_template->answer_slots() != 1)
    throw DataError("a continuation takes the place of the answer slot, and the template of the card \"" +
                    pipeline.name + "\" has " + std::to_string(pipeline.prompt_template->answer_slots()) +
                    " of them; use a card whose template has one {\"mask\"}");
  const std::vector<std::string> answers{text};
  std::vector<Prompt> prompts = pipeline.prompt_template->render({example, &answers});
  if (std::ranges::any_of(prompts, [](const Prompt& prompt) { return prompt.choice > 0; }))
    throw DataError("the template makes a prompt for each alternative, but a text continues a single prompt: "
                    "remove {\"choice\"} from the template");
  pipeline.tuner->edit(prompts, {example, pipeline.task, false, representation});
  TokenizedPrompt prompt = tokenized(pipeline, model, prompts.at(0), {});
  if (std::ranges::find(prompt.targets, -1) != prompt.targets.end() || prompt.targets.empty())
    throw DataError("the continuation \"" + text + "\" has no token; give a text that has one");
  return prompt;
}

} // namespace

void require_generation(const Model& model) {
  if (!model.shape().generates())
    throw UsageError(
        "a model of the family \"" + model.identity().family +
        "\" gives no probability to a continuation; choose a causal model, or an encoder-decoder with "
        "a language-model head.");
}

std::vector<std::vector<Generated>> Predictor::score(const std::vector<const Example*>& examples,
                                                     const std::vector<std::vector<std::string>>& continuations,
                                                     ExampleNotes& notes) {
  const at::InferenceMode inference;
  require_generation(runner_.model());
  notes = ExampleNotes(examples.size());
  struct Place {
    std::size_t example, text;
  };
  std::vector<Place>
      places; // each is an entry of its own, so that many continuations do not make one large pass
  std::vector<std::vector<Generated>> scored(examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i)
    for (std::size_t text = 0; text < continuations[i].size(); ++text) {
      places.push_back({i, text});
      scored[i].push_back({{}, continuations[i][text], 0});
    }
  const std::vector<at::Tensor> representations = runner_.representations_of(examples);
  const auto items = [&](int64_t number) {
    const auto [i, text] = places[static_cast<std::size_t>(number)];
    std::vector<RunItem> result;
    if (!notes.problems[i].empty())
      return result;
    try {
      const int64_t card = runner_.pipeline_of(*examples[i]);
      TokenizedPrompt prompt = continued(runner_.pipeline(card), runner_.model(), *examples[i],
                                         continuations[i][text], representations[i]);
      notes.cut[i].take_most(prompt.cut);
      scored[i][text].ids = prompt.targets;
      result.push_back({number, examples[i], card, std::move(prompt)});
    } catch (const DataError& error) {
      notes.problems[i] = error.what();
    }
    return result;
  };
  runner_.run({std::ssize(places), items}, [&](const ForwardBatch& forward) {
    const at::Tensor log_probs =
        runner_.backbone(forward.items.front().card)
            .project(forward.hidden, {OutputRequest::Kind::target_log_probs, {}}, forward.batch)
            .to(at::kCPU, at::kDouble)
            .contiguous();
    check_numbers(log_probs, runner_.model());
    for (std::size_t entry = 0; entry < forward.items.size(); ++entry) {
      const Place& place = places[static_cast<std::size_t>(forward.items[entry].index)];
      for (int64_t token = forward.batch.answer_offsets[entry]; token < forward.batch.answer_offsets[entry + 1];
           ++token)
        scored[place.example][place.text].log_prob += log_probs.const_data_ptr<double>()[token];
    }
  });
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (!notes.problems[i].empty())
      scored[i].clear();
  return scored;
}

} // namespace cuecard
