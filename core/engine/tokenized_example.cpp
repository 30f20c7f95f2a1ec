#include "engine/tokenized_example.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/covered_vocabulary.hpp"

namespace cuecard {

namespace {

LengthLimit limit_for(const TaskPipeline& pipeline, const Model& model) {
  LengthLimit limit = pipeline.limit;
  if (const int64_t longest = longest_prompt(pipeline, model); longest > 0)
    limit.max_length = limit.max_length > 0 ? std::min(limit.max_length, longest) : longest;
  return limit;
}

/// Tokens that a prompt gets by role, such as the mask, bypass the vocabulary's own check.
void check_covered(const TokenizedPrompt& prompt, const Model& model) {
  const int64_t rows = model.shape().vocabulary;
  const auto check = [&](int64_t id) {
    if (rows > 0 && id >= rows)
      throw DataError(uncovered_token(model.vocabulary(), id, rows));
  };
  for (const std::vector<PromptToken>* side : {&prompt.input, &prompt.output})
    for (const PromptToken& token : *side)
      check(token.id);
  for (const int64_t target : prompt.targets)
    check(target);
}

/// Tokens of the longest of `prompts`, whatever the limit.
int64_t longest_of(const TaskPipeline& pipeline, const Model& model, const std::vector<Prompt>& prompts) {
  std::size_t longest = 0;
  for (const Prompt& prompt : prompts)
    longest = std::max(
        longest, assemble(prompt, model.vocabulary(), pipeline.layout, {}, pipeline.prompt_template->fields())
                     .input.size());
  return static_cast<int64_t>(longest);
}

/// What to add to the error of a prompt that can't be used: it is the tuner's if the prompt could be used before `edit`.
std::string tuners_part(const TaskPipeline& pipeline, const Model& model, const std::vector<Prompt>& rendered,
                        const std::vector<Prompt>& edited) {
  const CardComponent& tuner = pipeline.record.tuner;
  const std::string named = "the tuner \"" + tuner.component + "\" of the plugin \"" + tuner.plugin + "\"";
  try {
    for (const Prompt& prompt : rendered)
      for (const TokenizedPrompt& window :
           assemble_windows(prompt, model.vocabulary(), pipeline.layout, limit_for(pipeline, model),
                            pipeline.prompt_template->fields()))
        check_covered(window, model);
  } catch (const DataError&) {
    return "";
  }
  try {
    const int64_t added = longest_of(pipeline, model, edited) - longest_of(pipeline, model, rendered);
    if (added > 0)
      return "; " + named + " added " + std::to_string(added) + " of its tokens, without which it fits";
  } catch (const DataError&) { // not for its length
  }
  return "; before " + named + " changed the prompt, it could be used";
}

/// If an example has prompts that are compared, its label must be the number of one of them.
void check_choices(const TaskPipeline& pipeline, const Example& example,
                   const std::vector<TokenizedPrompt>& prompts) {
  int64_t last = 0;
  for (const TokenizedPrompt& prompt : prompts)
    last = std::max(last, prompt.choice);
  if (last == 0)
    return;
  const std::string has = "it has " + std::to_string(last + 1) + " alternatives";
  if (last >= std::ssize(pipeline.labels))
    throw DataError(has + ", and the task has labels for " + std::to_string(pipeline.labels.size()) +
                    ": name one for each place of the list under \"labels\" in the task file");
  if (example.label > last)
    throw DataError(has + ", and its label \"" + pipeline.labels[static_cast<std::size_t>(example.label)] +
                    "\" is number " + std::to_string(example.label + 1) + " of the task's labels");
}

} // namespace

int64_t longest_prompt(const TaskPipeline& pipeline, const Model& model) {
  const int64_t positions = model.shape().max_positions;
  return positions > 0 ? std::max<int64_t>(1, positions - pipeline.prefix_positions) : 0;
}

CutTokens cut_of(const std::vector<TokenizedPrompt>& prompts) {
  CutTokens most;
  for (const TokenizedPrompt& prompt : prompts)
    most.take_most(prompt.cut);
  return most;
}

std::vector<TokenizedPrompt> tokenized(const TaskPipeline& pipeline, const Model& model, const Example& example,
                                       bool training, const at::Tensor& representation) {
  std::vector<std::vector<std::string>> answers;
  if (pipeline.verbalizer)
    answers = pipeline.verbalizer->given_answers({example, training});
  std::vector<TokenizedPrompt> result;
  for (std::size_t candidate = 0; candidate < std::max<std::size_t>(1, answers.size()); ++candidate) {
    const RenderArgs of_candidate{example, answers.empty() ? nullptr : &answers[candidate]};
    std::vector<Prompt> prompts = pipeline.prompt_template->render(of_candidate);
    pipeline.tuner->edit(prompts, {example, pipeline.task, training, representation});
    try {
      for (const Prompt& prompt : prompts)
        for (TokenizedPrompt& window :
             assemble_windows(prompt, model.vocabulary(), pipeline.layout, limit_for(pipeline, model),
                              pipeline.prompt_template->fields())) {
          check_covered(window, model);
          window.candidate = static_cast<int64_t>(candidate);
          result.push_back(std::move(window));
        }
    } catch (const DataError& error) {
      const std::string part =
          tuners_part(pipeline, model, pipeline.prompt_template->render(of_candidate), prompts);
      std::string text = error.what();
      if (!part.empty() && text.ends_with('.'))
        text.pop_back();
      throw DataError(text + part);
    }
  }
  check_choices(pipeline, example, result);
  return result;
}

TokenizedPrompt tokenized(const TaskPipeline& pipeline, const Model& model, const Prompt& prompt,
                          const OutputPositions& positions) {
  // The guard of the component that made it adds its names.
  if (!pipeline.layout.encoder_decoder && !prompt.output.empty())
    throw Error("it passed a prompt with pieces in Prompt::output; the model has one stack, expected none");
  PromptLayout layout = pipeline.layout;
  layout.positions = positions;
  TokenizedPrompt result = assemble(prompt, model.vocabulary(), layout, limit_for(pipeline, model),
                                    pipeline.prompt_template->fields());
  check_covered(result, model);
  return result;
}

std::vector<Prompt> blank_prompts(const TaskPipeline& pipeline) {
  std::vector<Prompt> prompts{pipeline.prompt_template->blank()};
  pipeline.tuner->edit(prompts, {Example{}, pipeline.task, false, {}});
  return prompts;
}

} // namespace cuecard
