#include "server/row_json.hpp"

#include <algorithm>

#include "server/json.hpp"
#include "server/problem.hpp"

namespace cuecard::server {

namespace {

bool is_texts(const nlohmann::json& value) {
  return value.is_array() &&
         std::ranges::all_of(value, [](const nlohmann::json& item) { return item.is_string(); });
}

} // namespace

Example example_of(const nlohmann::json& row, const std::string& place, const std::string& card) {
  Example example;
  example.card = card;
  if (row.is_string()) {
    example.fields[""] = row.get<std::string>(); // the scheduler knows the field's name
    return example;
  }
  if (!row.is_object())
    throw Problem(400, place + " is neither a text nor an object of fields.");
  for (const auto& [name, value] : row.items()) {
    const std::string what = place + ": \"" + name.substr(0, 80) + "\"";
    if (name.empty())
      throw Problem(400, place + " has a field without a name.");
    if (name == "card" && !value.is_string())
      throw Problem(400, what + " is not the name of a card.");
    if (name == "card")
      example.card = value.get<std::string>();
    else if (value.is_string())
      example.fields[name] = value.get<std::string>();
    else if (is_texts(value))
      example.words[name] = value.get<std::vector<std::string>>();
    else if (!value.is_null())
      throw Problem(400, what + " is neither a text nor a list of texts.");
  }
  return example;
}

} // namespace cuecard::server
