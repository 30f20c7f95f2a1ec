#include "server/routes.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include "server/endpoints/endpoints.hpp"

namespace cuecard::server {

namespace {

constexpr std::array routes = {
    Route{"GET", "/", Form::openai, nullptr},
    Route{"GET", "/health", Form::openai, nullptr},
    Route{"GET", "/metrics", Form::openai, nullptr},
    Route{"GET", "/openapi.json", Form::openai, nullptr},
    Route{"GET", "/v2/health/live", Form::kserve, nullptr},
    Route{"GET", "/v2/health/ready", Form::kserve, nullptr},
    Route{"GET", "/v1/cards", Form::openai, list_cards},
    Route{"POST", "/v1/cards/refresh", Form::openai, refresh_cards},
    Route{"POST", "/v1/cards/{name}/load", Form::openai, load_card},
    Route{"POST", "/v1/cards/{name}/unload", Form::openai, unload_card},
    Route{"POST", "/v1/predict", Form::openai, predict_rows},
    Route{"POST", "/v1/render", Form::openai, render_rows},
    Route{"GET", "/v1/models", Form::openai, list_models},
    Route{"POST", "/v1/completions", Form::openai, complete},
    Route{"POST", "/v1/chat/completions", Form::openai, complete_chat},
    Route{"GET", "/info", Form::tei, tei_info},
    Route{"POST", "/predict", Form::tei, tei_predict},
    Route{"GET", "/v2", Form::kserve, kserve_server},
    Route{"GET", "/v2/models/{name}", Form::kserve, kserve_model},
    Route{"GET", "/v2/models/{name}/ready", Form::kserve, kserve_model_ready},
    Route{"POST", "/v2/models/{name}/infer", Form::kserve, kserve_infer},
};

/// Percent signs with two hexadecimal digits become bytes; nothing when one has none.
std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    unsigned char byte = 0;
    const char* const digits = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      return std::nullopt;
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

/// The part of `path` that matches `{name}`, "" where the pattern has none; nothing when `path` does not match.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const std::size_t open = pattern.find('{');
  if (open == std::string_view::npos)
    return pattern == path ? std::optional(std::string()) : std::nullopt;
  const std::string_view before = pattern.substr(0, open), after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after))
    return std::nullopt;
  const std::string_view name = path.substr(before.size(), path.size() - before.size() - after.size());
  return name.find('/') == std::string_view::npos ? decoded(name) : std::nullopt;
}

} // namespace

FoundRoute find_route(const std::string& method, const std::string& path) {
  FoundRoute found;
  for (const Route& route : routes) {
    const std::optional<std::string> name = match(route.path, path);
    if (!name)
      continue;
    if (method == route.method || (method == "HEAD" && std::string_view(route.method) == "GET"))
      return {&route, *name, ""};
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  return found;
}

Form form_of(const std::string& path) {
  if (path == "/predict" || path == "/info")
    return Form::tei;
  return path.starts_with("/v2") ? Form::kserve : Form::openai;
}

} // namespace cuecard::server
