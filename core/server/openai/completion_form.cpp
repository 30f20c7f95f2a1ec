#include "server/openai/completion_form.hpp"

#include <utility>

namespace cuecard::server {

namespace {

/// The members at the end of both forms. `cut` is ours: OpenAI refuses prompts that are too long.
Json ended(Json choice, const CompletionPart& part) {
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = part.finish_reason;
  if (part.cut > 0)
    choice["cut"] = part.cut;
  return choice;
}

Json text_choice(const CompletionPart& part) {
  return ended({{"text", part.text}, {"index", part.index}}, part);
}

Json streamed_text_choice(const CompletionPart& part, bool) {
  return text_choice(part);
}

Json chat_choice(const CompletionPart& part) {
  Json choice{{"index", part.index}};
  choice["message"] = {{"role", "assistant"}, {"content", part.text}, {"refusal", nullptr}};
  return ended(std::move(choice), part);
}

Json streamed_chat_choice(const CompletionPart& part, bool first) {
  Json choice{{"index", part.index}}, delta = Json::object();
  if (first)
    delta["role"] = "assistant";
  if (first || !part.text.empty())
    delta["content"] = part.text;
  choice["delta"] = std::move(delta);
  return ended(std::move(choice), part);
}

} // namespace

const CompletionForm text_form = {"cmpl-", "text_completion", "text_completion", text_choice,
                                  streamed_text_choice};
const CompletionForm chat_form = {"chatcmpl-", "chat.completion", "chat.completion.chunk", chat_choice,
                                  streamed_chat_choice};

} // namespace cuecard::server
