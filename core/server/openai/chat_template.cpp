#include "server/openai/chat_template.hpp"

#include <sstream>

#include <cuecard/error.hpp>
#include <cuecard/parts/template/grammar_template.hpp>

namespace cuecard::server {

namespace {

/// Roles, separated by blanks: the metadata that makes an example a chat.
constexpr const char* roles_key = "roles";

std::string field_of(std::size_t message) {
  return "message" + std::to_string(message);
}

/// The template of chats with these roles, whose next turn is the assistant's.
std::shared_ptr<const Template> template_of(const std::string& roles, const std::string& format,
                                            const TemplateTarget& target) {
  std::istringstream list(roles);
  std::string text;
  std::size_t message = 0;
  for (std::string role; list >> role; ++message)
    text +=
        R"({"role": ")" + role + R"("}{"placeholder": ")" + field_of(message) + R"(", "shortenable": False})";
  text += R"({"role": "assistant"}{"mask"})";
  auto made = std::make_shared<GrammarTemplate>(
      GrammarTemplateSettings{.text = text, .encoder_decoder = "plain", .chat_format = format});
  made->prepare(target);
  return made;
}

} // namespace

ChatWriting chat_writing(const std::string& name, const Vocabulary& vocabulary) {
  try {
    return {chat_format(name, vocabulary), ""};
  } catch (const UsageError&) {
    if (name != "auto")
      throw;
  }
  std::string names;
  for (const std::string& each : chat_format_names())
    names += (names.empty() ? "" : ", ") + each;
  const std::string found = vocabulary.chat_template().empty() ? "has no chat template"
                                                               : "has a chat template that is not known here";
  return {std::nullopt, "the model " + found +
                            "; ask it with POST /v1/completions, or start the server with --chat-format (" +
                            names + ")."};
}

Example chat_example(const std::vector<ChatMessage>& messages) {
  Example example;
  for (std::size_t message = 0; message < messages.size(); ++message) {
    example.meta[roles_key] += (message ? " " : "") + messages[message].role;
    example.fields[field_of(message)] = messages[message].text;
  }
  return example;
}

std::vector<Prompt> ChatTemplate::render(const RenderArgs& args) const {
  const auto roles = args.example.meta.find(roles_key);
  if (roles == args.example.meta.end())
    return texts_->render(args);
  std::shared_ptr<const Template> chat;
  {
    const std::lock_guard lock(mutex_);
    if (last_.first != roles->second || !last_.second)
      last_ = {roles->second, template_of(roles->second, format_, target_)};
    chat = last_.second;
  }
  return chat->render(args);
}

} // namespace cuecard::server
