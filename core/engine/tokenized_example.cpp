#include "engine/tokenized_example.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

namespace cuecard {

namespace {

LengthLimit limit_for(const Method& method, const Model& model) {
  LengthLimit limit = method.limit;
  const int64_t positions = model.backbone().shape().max_positions;
  const int64_t model_limit = std::max<int64_t>(1, positions - method.prefix_positions);
  if (positions > 0)
    limit.max_length = limit.max_length > 0 ? std::min(limit.max_length, model_limit) : model_limit;
  return limit;
}

/// Where a row has prompts that are compared, its label is the number of one of them.
void check_choices(const Method& method, const Example& example, const std::vector<TokenizedPrompt>& prompts) {
  int64_t last = 0;
  for (const TokenizedPrompt& prompt : prompts)
    last = std::max(last, prompt.choice);
  if (last == 0)
    return;
  const std::string has = "it has " + std::to_string(last + 1) + " alternatives";
  if (last >= std::ssize(method.labels))
    throw DataError(has + ", and the task has labels for " + std::to_string(method.labels.size()) +
                    ": name one for each place of the list under \"labels\" in the task file");
  if (example.label > last)
    throw DataError(has + ", and its label \"" + method.labels[static_cast<std::size_t>(example.label)] +
                    "\" is number " + std::to_string(example.label + 1) + " of the task's labels");
}

} // namespace

std::vector<TokenizedPrompt> tokenized(const Method& method, const Model& model, const Example& example,
                                       bool learn, const at::Tensor& likeness) {
  std::vector<std::vector<std::string>> answers;
  if (method.verbalizer)
    answers = method.verbalizer->given_answers(example, learn);
  std::vector<TokenizedPrompt> result;
  for (std::size_t candidate = 0; candidate < std::max<std::size_t>(1, answers.size()); ++candidate) {
    std::vector<Prompt> prompts =
        method.prompt_template->render(example, answers.empty() ? nullptr : &answers[candidate]);
    method.tuner->edit(prompts, {example, method.task, learn, likeness});
    for (const Prompt& prompt : prompts)
      for (TokenizedPrompt& window :
           assemble_windows(prompt, model.vocabulary(), method.target, limit_for(method, model),
                            method.prompt_template->fields())) {
        window.candidate = static_cast<int64_t>(candidate);
        result.push_back(std::move(window));
      }
  }
  check_choices(method, example, result);
  return result;
}

TokenizedPrompt tokenized(const Method& method, const Model& model, const Prompt& prompt,
                          const Reading& reading) {
  PromptTarget target = method.target;
  target.reading = reading;
  return assemble(prompt, model.vocabulary(), target, limit_for(method, model),
                  method.prompt_template->fields());
}

std::vector<Prompt> blank_prompts(const Method& method) {
  std::vector<Prompt> prompts{method.prompt_template->blank()};
  method.tuner->edit(prompts, {Example{}, method.task, false, {}});
  return prompts;
}

} // namespace cuecard
