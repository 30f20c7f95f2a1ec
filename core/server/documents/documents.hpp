/// Documents that are compiled into the server: page.html and openapi.json.
#pragma once

#include <string>

#include "server/http/reply.hpp"

namespace cuecard::server {

/// The page at `/`: rows, the answers of several cards side by side, and their probabilities. It is self-contained and sends requests
/// only to its own server.
Reply page_reply();

/// The OpenAPI 3.1 description of the server's endpoints.
std::string openapi_document();

} // namespace cuecard::server
