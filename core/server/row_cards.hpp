/// The cards that rows of request bodies go to.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <cuecard/example.hpp>

#include "data/json_object.hpp"
#include "server/cards/catalogue.hpp"

namespace cuecard::server {

/// The key `card` of a body of rows: the card of rows that name none, or "". Problem 404 when there is no such card.
std::string card_of_rows(const JsonObject& body, const Catalogue& catalogue);

/// Why a row can't be used: its form (problem_of_form), or its `example` goes to no card. Nothing if it can.
std::optional<std::string> problem_of_row(const nlohmann::json& row, const Example& example,
                                          const Catalogue& catalogue);

} // namespace cuecard::server
