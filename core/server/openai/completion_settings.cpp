#include "server/openai/completion_settings.hpp"

#include <algorithm>
#include <random>

#include "data/json_object.hpp"
#include "server/json.hpp"
#include "server/openai/chat_messages.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

namespace {

constexpr int64_t most_tokens = 1'000'000, most_texts = 128;

/// Keys allowed in both bodies.
const std::vector<std::string> common_keys = {"model",
                                              "max_tokens",
                                              "temperature",
                                              "top_p",
                                              "n",
                                              "stop",
                                              "seed",
                                              "stream",
                                              "stream_options",
                                              "user",
                                              "top_k",
                                              "min_p",
                                              "repetition_penalty",
                                              "logprobs",
                                              "logit_bias",
                                              "presence_penalty",
                                              "frequency_penalty"};
const std::vector<std::string> completion_keys = {"prompt", "best_of", "echo", "suffix"};
const std::vector<std::string> chat_keys = {
    "messages",    "max_completion_tokens", "metadata",        "top_logprobs", "tools",
    "tool_choice", "parallel_tool_calls",   "response_format", "modalities",   "service_tier",
    "store"};

std::vector<std::string> with_common(std::vector<std::string> keys) {
  keys.insert(keys.end(), common_keys.begin(), common_keys.end());
  return keys;
}

bool given(const JsonObject& object, const char* key) {
  return object.has(key) && !object.at(key).is_null();
}

double number_or(const JsonObject& object, const char* key, double fallback, double low, double high) {
  return given(object, key) ? object.number(key, low, high) : fallback;
}

int64_t integer_or(const JsonObject& object, const char* key, int64_t fallback, int64_t low, int64_t high) {
  return given(object, key) ? object.integer(key, low, high) : fallback;
}

bool flag(const JsonObject& object, const char* key) {
  return given(object, key) && object.flag_or(key, false);
}

/// A text or a list of texts.
std::vector<std::string> texts(const JsonObject& object, const char* key) {
  if (object.at(key).is_string())
    return {object.text(key)};
  if (!object.at(key).is_array())
    object.refuse(key, "a text or a list of texts");
  return object.texts(key);
}

/// Refuses a key unless it is absent or has no effect.
void refuse_unless(const JsonObject& object, const char* key, const std::vector<nlohmann::json>& harmless) {
  if (given(object, key) && std::ranges::find(harmless, object.at(key)) == harmless.end())
    throw Problem(400, std::string("this server does not have \"") + key + "\"; leave it out.");
}

void refuse_unavailable(const JsonObject& object) {
  refuse_unless(object, "logit_bias", {nlohmann::json::object()});
  refuse_unless(object, "presence_penalty", {0});
  refuse_unless(object, "frequency_penalty", {0});
}

GenerateSettings settings_of(const JsonObject& object, GenerateSettings settings, const char* length_key) {
  settings.max_length = integer_or(object, length_key, settings.max_length, 1, most_tokens);
  settings.min_length = std::min(settings.min_length, settings.max_length);
  settings.returns = integer_or(object, "n", 1, 1, most_texts);
  settings.temperature = number_or(object, "temperature", settings.temperature, 0, 100);
  settings.top_p = number_or(object, "top_p", settings.top_p, 0, 1);
  settings.top_k = integer_or(object, "top_k", settings.top_k, 0, most_tokens);
  settings.min_p = number_or(object, "min_p", settings.min_p, 0, 1);
  settings.repetition_penalty =
      number_or(object, "repetition_penalty", settings.repetition_penalty, 0.001, 1000);
  if (settings.temperature > 0)
    settings.beams = 1;
  if (given(object, "stop"))
    settings.stop = texts(object, "stop");
  if (settings.stop.size() > 16 || std::ranges::any_of(settings.stop, &std::string::empty))
    object.refuse("stop", "a text or up to 16 texts, none of them empty");
  // A text that is sampled without a seed is another one each time.
  settings.seed = given(object, "seed") ? static_cast<uint64_t>(object.integer("seed", 0, int64_t{1} << 53))
                                        : std::random_device()();
  return settings;
}

/// Settings that both bodies have.
CompletionBody parse_common(const JsonObject& object, const DefaultSettings& defaults, const char* length_key) {
  CompletionBody result;
  result.model = object.text("model");
  result.settings = settings_of(object, defaults(result.model), length_key);
  refuse_unavailable(object);
  result.stream = flag(object, "stream");
  if (given(object, "stream_options"))
    result.stream_usage = object.object("stream_options", {"include_usage"}).flag_or("include_usage", false);
  if (result.stream && (result.settings.returns > 1 || result.settings.beams > 1))
    throw Problem(400, "one text per prompt can be streamed; leave out \"n\" or \"stream\".");
  return result;
}

} // namespace

CompletionBody parse_completion(const std::string& body, const DefaultSettings& defaults) {
  const nlohmann::json parsed = parse_body(body);
  const JsonObject object(parsed, body_name, "", with_common(completion_keys));
  CompletionBody result = parse_common(object, defaults, "max_tokens");
  const bool prompts =
      given(object, "prompt") && (object.at("prompt").is_string() || object.at("prompt").is_array());
  if (!prompts || object.at("prompt").empty())
    object.refuse("prompt", "a text or a list of texts");
  result.prompts = texts(object, "prompt");
  refuse_unless(object, "best_of", {result.settings.returns});
  refuse_unless(object, "echo", {false});
  refuse_unless(object, "suffix", {""});
  refuse_unless(object, "logprobs", {});
  return result;
}

CompletionBody parse_chat(const std::string& body, const DefaultSettings& defaults) {
  const nlohmann::json parsed = parse_body(body);
  const JsonObject object(parsed, body_name, "", with_common(chat_keys));
  const bool both = given(object, "max_tokens") && given(object, "max_completion_tokens");
  if (both && object.at("max_tokens") != object.at("max_completion_tokens"))
    throw Problem(400, "\"max_tokens\" and \"max_completion_tokens\" differ; give one of them.");
  CompletionBody result = parse_common(
      object, defaults, given(object, "max_completion_tokens") ? "max_completion_tokens" : "max_tokens");
  if (!given(object, "messages") || !object.at("messages").is_array() || object.at("messages").empty())
    object.refuse("messages", "a list of messages");
  result.messages = parse_messages(object.at("messages"));
  refuse_unless(object, "logprobs", {false});
  refuse_unless(object, "top_logprobs", {0});
  refuse_unless(object, "tools", {nlohmann::json::array()});
  refuse_unless(object, "tool_choice", {"none", "auto"});
  refuse_unless(object, "parallel_tool_calls", {true, false});
  refuse_unless(object, "response_format", {nlohmann::json{{"type", "text"}}});
  refuse_unless(object, "modalities", {nlohmann::json::array({"text"})});
  refuse_unless(object, "service_tier", {"auto", "default"});
  refuse_unless(object, "store", {false});
  return result;
}

} // namespace cuecard::server
