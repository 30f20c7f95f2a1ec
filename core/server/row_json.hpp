/// Rows of request bodies.
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

/// Why a row can't be used: it is neither a text nor an object of texts and lists of texts, or its `example` goes to no card. Nothing if
/// it can.
std::optional<std::string> problem_of_row(const nlohmann::json& row, const Example& example,
                                          const Catalogue& catalogue);

/// A row is a text for the only field of its card's template, or an object of fields: texts, and lists of texts. Its key `card` names
/// the card (without it the row goes to `card`), and `id` is the caller's. Fields that are null are left out. Of a row with a problem
/// the result has what can be read.
Example example_of(const nlohmann::json& row, const std::string& card);

} // namespace cuecard::server
