#include "engine/predict/prompt_json.hpp"

#include <nlohmann/json.hpp>

namespace cuecard {

RenderedSide rendered(const std::vector<PromptToken>& tokens, const Vocabulary& vocabulary) {
  RenderedSide result;
  for (const PromptToken& token : tokens) {
    const bool soft = token.soft_slot >= 0, trigger = token.trigger_slot >= 0;
    result.tokens.push_back(soft      ? "<soft " + std::to_string(token.soft_slot + 1) + ">"
                            : trigger ? "<trigger " + std::to_string(token.trigger_slot + 1) + ">"
                                      : vocabulary.piece(token.id));
    result.ids.push_back(token.id);
    result.soft.push_back(token.soft_slot + 1);
  }
  return result;
}

nlohmann::ordered_json prompt_json(nlohmann::ordered_json object, const TokenizedPrompt& prompt,
                                   const Vocabulary& vocabulary) {
  const RenderedSide input = rendered(prompt.input, vocabulary);
  object["tokens"] = input.tokens;
  object["ids"] = input.ids;
  object["soft"] = input.soft;
  if (!prompt.output.empty()) {
    const RenderedSide output = rendered(prompt.output, vocabulary);
    object["output_tokens"] = output.tokens;
    object["output_ids"] = output.ids;
    object["output_soft"] = output.soft;
  }
  object["answers"] = prompt.answers;
  object["cut"] = prompt.cut.total();
  if (prompt.choice > 0)
    object["choice"] = prompt.choice;
  return object;
}

} // namespace cuecard
