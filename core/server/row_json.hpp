/// Rows of request bodies.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <cuecard/example.hpp>

namespace cuecard::server {

/// A row is a text for the only field of its card's template, or an object of fields: texts, and lists of texts. Its key `card` names
/// the card; without it the row goes to `card`. Fields that are null are left out. Problem 400, which begins with `place`, for
/// anything else.
Example example_of(const nlohmann::json& row, const std::string& place, const std::string& card);

} // namespace cuecard::server
