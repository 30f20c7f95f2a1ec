/// Documents that the server has in itself: page.html and openapi.json.
#pragma once

#include <string>

#include "server/http/reply.hpp"

namespace cuecard::server {

/// The page at `/`: rows, the cards that answer them side by side, and how sure each is. It is whole in itself, and asks only the server
/// that it came from.
Reply page_reply();

/// What the server answers, in the form of OpenAPI 3.1.
std::string openapi_document();

} // namespace cuecard::server
