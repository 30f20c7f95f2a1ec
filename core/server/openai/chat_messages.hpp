/// The messages of a request for a chat.
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "server/openai/chat_template.hpp"

namespace cuecard::server {

/// Problem for a message that is no text of the system (or developer), the user or the assistant.
std::vector<ChatMessage> parse_messages(const nlohmann::json& messages);

} // namespace cuecard::server
