#include "engine/tokenized_example.hpp"

#include <algorithm>

namespace cuecard {

namespace {

LengthLimit limit_for(const Method& method, const Model& model) {
  LengthLimit limit = method.limit;
  const int64_t model_limit = model.backbone().shape().max_positions;
  if (model_limit > 0)
    limit.max_length = limit.max_length > 0 ? std::min(limit.max_length, model_limit) : model_limit;
  return limit;
}

} // namespace

std::vector<TokenizedPrompt> tokenized(const Method& method, const Model& model, const Example& example) {
  std::vector<TokenizedPrompt> result;
  for (Prompt& prompt : method.prompt_template->render(example)) {
    method.tuner->edit(prompt, example);
    result.push_back(assemble(prompt, model.vocabulary(), model.prompt_target(), limit_for(method, model)));
  }
  return result;
}

TokenizedPrompt tokenized_blank(const Method& method, const Model& model) {
  Prompt prompt = method.prompt_template->blank();
  method.tuner->edit(prompt, Example{});
  return assemble(prompt, model.vocabulary(), model.prompt_target(), limit_for(method, model));
}

} // namespace cuecard
