#include "engine/generate/continued_prompt.hpp"

#include <algorithm>

#include <cuecard/error.hpp>

#include "engine/tokenized_example.hpp"

namespace cuecard {

TokenizedPrompt continued_prompt(const TaskPipeline& pipeline, const Model& model, const Prompt& prompt,
                                 int64_t new_tokens) {
  TokenizedPrompt whole = tokenized(pipeline, model, prompt, {});
  const int64_t positions = longest_prompt(pipeline, model);
  // An encoder-decoder writes its text on a side of its own.
  if (whole.cut.total() == 0 || positions == 0 || model.shape().encoder_decoder ||
      pipeline.limit.truncate == Truncate::windows)
    return whole;
  const int64_t length = std::ssize(whole.input);
  const int64_t of_fields =
      std::ranges::count_if(whole.input, [](const PromptToken& token) { return token.origin.field >= 0; });
  const int64_t room = std::min(new_tokens - 1, positions / 2); // the last token needs no position
  const int64_t limit = std::max(positions - room, length - of_fields / 2);
  if (length <= limit)
    return whole;
  PromptLayout layout = pipeline.layout;
  layout.positions = {};
  try {
    return assemble(prompt, model.vocabulary(), layout, {limit, pipeline.limit.truncate},
                    pipeline.prompt_template->fields());
  } catch (const DataError&) { // it fits as it is, and not enough of it may be cut
    return whole;
  }
}

} // namespace cuecard
