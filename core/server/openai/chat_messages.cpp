#include "server/openai/chat_messages.hpp"

#include <algorithm>
#include <map>

#include "data/json_object.hpp"
#include "server/json.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

namespace {

using nlohmann::json;

const std::map<std::string, std::string>& known_roles() {
  static const std::map<std::string, std::string> roles = {
      {"system", "system"}, {"developer", "system"}, {"user", "user"}, {"assistant", "assistant"}};
  return roles;
}

/// Keys of an answer that a client sends back as part of the chat.
const std::vector<std::string> extras = {"name",          "refusal", "tool_calls",
                                         "function_call", "audio",   "annotations"};

/// A text, or a list of parts that are texts.
std::string text_of(const JsonObject& message, const std::string& where) {
  const json& content = message.at("content");
  if (content.is_string())
    return content.get<std::string>();
  if (!content.is_array())
    message.refuse("content", "a text or a list of texts");
  std::string text;
  for (std::size_t part = 0; part < content.size(); ++part) {
    const JsonObject fields(content[part], body_name, where + ".content[" + std::to_string(part) + "]",
                            {"type", "text"});
    if (fields.text("type") != "text")
      fields.refuse("type", "\"text\", as this model reads nothing else");
    text += fields.text("text");
  }
  return text;
}

ChatMessage message_of(const json& value, const std::string& where) {
  std::vector<std::string> keys = {"role", "content"};
  keys.insert(keys.end(), extras.begin(), extras.end());
  const JsonObject message(value, body_name, where, keys);
  for (const std::string& key : extras)
    if (message.has(key) && !message.at(key).is_null() && !message.at(key).empty())
      throw Problem(400, "this server does not have \"" + key + "\" of a message; leave it out.");
  const auto role = known_roles().find(message.text("role"));
  if (role == known_roles().end())
    message.refuse("role", "one of system, developer, user and assistant");
  return {role->second, text_of(message, where)};
}

} // namespace

std::vector<ChatMessage> parse_messages(const json& messages) {
  std::vector<ChatMessage> result;
  for (std::size_t message = 0; message < messages.size(); ++message)
    result.push_back(message_of(messages[message], "messages[" + std::to_string(message) + "]"));
  return result;
}

} // namespace cuecard::server
