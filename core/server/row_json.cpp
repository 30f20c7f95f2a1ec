#include "server/row_json.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace cuecard::server {

namespace {

bool is_texts(const nlohmann::json& value) {
  return value.is_array() &&
         std::ranges::all_of(value, [](const nlohmann::json& item) { return item.is_string(); });
}

} // namespace

std::optional<std::string> problem_of_form(const nlohmann::json& row) {
  if (row.is_string())
    return std::nullopt;
  if (!row.is_object())
    return "the row is neither a text nor an object of fields.";
  for (const auto& [name, value] : row.items()) {
    if (name.empty())
      return "the row has a field without a name.";
    const std::string field = "\"" + name.substr(0, 80) + "\" ";
    if (name == "card" && !value.is_string())
      return field + "is not the name of a card.";
    if (!value.is_string() && !is_texts(value) && !value.is_null() && name != "id")
      return field + "is neither a text nor a list of texts.";
  }
  return std::nullopt;
}

Example example_of(const nlohmann::json& row, const std::string& card) {
  Example example;
  example.card = card;
  if (row.is_string()) {
    example.fields[""] = row.get<std::string>(); // the scheduler knows the field's name
    return example;
  }
  if (!row.is_object())
    return example;
  for (const auto& [name, value] : row.items()) {
    if (name == "id") {
      example.id = value.is_string() ? value.get<std::string>() : value.dump();
    } else if (name == "card") {
      if (value.is_string())
        example.card = value.get<std::string>();
    } else if (value.is_string()) {
      example.fields[name] = value.get<std::string>();
    } else if (is_texts(value)) {
      example.words[name] = value.get<std::vector<std::string>>();
    }
  }
  return example;
}

} // namespace cuecard::server
