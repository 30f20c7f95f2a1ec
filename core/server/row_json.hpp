/// Rows of request bodies.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <cuecard/example.hpp>

namespace cuecard::server {

/// Why `row` is not a valid row: it is neither a text nor an object of texts and lists of texts. Nothing if it
/// is one.
std::optional<std::string> problem_of_form(const nlohmann::json& row);

/// A row is a text for the only field of its card's template, or an object of fields: texts, and lists of texts. Its key `card` names
/// the card (without it the row goes to `card`), and `id` is the caller's. Fields that are null are left out. For a row with a
/// problem, the result has what can be read.
Example example_of(const nlohmann::json& row, const std::string& card);

} // namespace cuecard::server
