/// The bodies of OpenAI's POST /v1/completions and POST /v1/chat/completions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <cuecard/scorer.hpp>

#include "server/openai/chat_template.hpp"

namespace cuecard::server {

struct CompletionBody {
  std::string model;
  std::vector<std::string> prompts;  ///< of a completion
  std::vector<ChatMessage> messages; ///< of a chat
  GenerateSettings settings;
  bool stream = false;
  bool stream_usage = false; ///< stream_options.include_usage
};

/// Gives the settings of a model for what a body does not say; throws when there is none of that name.
using DefaultSettings = std::function<GenerateSettings(const std::string& model)>;

/// DataError or Problem for values that are not allowed, and for those that request an unsupported feature: only `user`, and `metadata`
/// of a chat, are ignored.
CompletionBody parse_completion(const std::string& body, const DefaultSettings& defaults);
CompletionBody parse_chat(const std::string& body, const DefaultSettings& defaults);

} // namespace cuecard::server
