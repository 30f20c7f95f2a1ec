/// The page at `/`: rows, the cards that answer them side by side, and how sure each is.
#pragma once

#include "server/http/reply.hpp"

namespace cuecard::server {

/// It is whole in itself, and asks /v1/cards and /v1/predict of the server that it came from.
Reply page_reply();

} // namespace cuecard::server
