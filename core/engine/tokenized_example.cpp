#include "engine/tokenized_example.hpp"

#include <algorithm>

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
    for (const Prompt& prompt : prompts) {
      result.push_back(tokenized(method, model, prompt, method.target.reading));
      result.back().candidate = static_cast<int64_t>(candidate);
    }
  }
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
