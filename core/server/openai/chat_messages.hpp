/// The messages of a chat request.
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "server/openai/chat_template.hpp"

namespace cuecard::server {

/// Problem for a message that is not a text from the system (or developer), the user or the assistant.
std::vector<ChatMessage> parse_messages(const nlohmann::json& messages);

} // namespace cuecard::server
