#include "server/completion_settings.hpp"

#include <algorithm>
#include <random>

#include "data/json_object.hpp"
#include "server/json.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

namespace {

constexpr int64_t most_tokens = 1'000'000, most_texts = 128;

const std::vector<std::string> keys = {"model",
                                       "prompt",
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
                                       "best_of",
                                       "echo",
                                       "suffix",
                                       "logprobs",
                                       "logit_bias",
                                       "presence_penalty",
                                       "frequency_penalty"};

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
  return object.at(key).is_string() ? std::vector{object.text(key)} : object.texts(key);
}

void refuse_unavailable(const JsonObject& object, int64_t n) {
  const auto unless = [&](const char* key, bool harmless) {
    if (given(object, key) && !harmless)
      throw Problem(400, std::string("this server does not have \"") + key + "\"; leave it out.");
  };
  const auto is = [&](const char* key, const nlohmann::json& value) {
    return given(object, key) && object.at(key) == value;
  };
  unless("best_of", is("best_of", n));
  unless("echo", is("echo", false));
  unless("suffix", is("suffix", ""));
  unless("logprobs", false);
  unless("logit_bias", is("logit_bias", nlohmann::json::object()));
  unless("presence_penalty", is("presence_penalty", 0));
  unless("frequency_penalty", is("frequency_penalty", 0));
}

GenerateSettings settings_of(const JsonObject& object, GenerateSettings settings) {
  settings.max_length = integer_or(object, "max_tokens", settings.max_length, 1, most_tokens);
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
    object.refuse("stop", "a text or up to 16 texts, none of them empty,");
  // A text that is sampled without a seed is another one each time.
  settings.seed = given(object, "seed") ? static_cast<uint64_t>(object.integer("seed", 0, int64_t{1} << 53))
                                        : std::random_device()();
  return settings;
}

} // namespace

CompletionBody parse_completion(const std::string& body,
                                const std::function<GenerateSettings(const std::string& model)>& defaults) {
  const nlohmann::json parsed = parse_body(body);
  const JsonObject object(parsed, body_name, "", keys);
  CompletionBody result;
  result.model = object.text("model");
  const bool prompts =
      given(object, "prompt") && (object.at("prompt").is_string() || object.at("prompt").is_array());
  if (!prompts || object.at("prompt").empty())
    object.refuse("prompt", "a text or a list of texts");
  result.prompts = texts(object, "prompt");
  result.settings = settings_of(object, defaults(result.model));
  refuse_unavailable(object, result.settings.returns);
  result.stream = flag(object, "stream");
  if (given(object, "stream_options"))
    result.stream_usage = object.object("stream_options", {"include_usage"}).flag_or("include_usage", false);
  if (result.stream && (result.settings.returns > 1 || result.settings.beams > 1))
    throw Problem(400, "one text per prompt can be streamed; leave out \"n\" or \"stream\".");
  return result;
}

} // namespace cuecard::server
