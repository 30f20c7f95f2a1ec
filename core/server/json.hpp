/// JSON of answers and of request bodies.
#pragma once

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "files/finite_json.hpp"
#include "files/strict_json.hpp"
#include "server/http/reply.hpp"

namespace cuecard::server {

/// Keeps keys in insertion order.
using Json = nlohmann::ordered_json;

/// How errors name the body of a request.
constexpr const char* body_name = "the request";

inline std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

inline Reply json_reply(const Json& value) {
  return {200, dump(value)};
}

/// DataError for invalid JSON. The size of bodies is limited when they are read.
inline nlohmann::json parse_body(const std::string& body) {
  return parse_json(body, body_name, {body.size(), 16});
}

} // namespace cuecard::server
